// auth = bearer: the caller's token goes to the agent, through every server,
// and nothing of ours signs.
//
// The upstream here is a few lines of node:http.  It knows one token, and
// answers 401 as AgentCore does to others; it checks neither JWT nor path.

import http from "node:http";
import { EXTERNAL, FRONTS, startBed } from "../lib/servers.mjs";
import { assertClean, assertRefused, assertStream } from "../lib/check.mjs";
import { stopAll, until } from "../lib/proc.mjs";
import { fetchAll } from "../lib/sse.mjs";
import { assert, run, test } from "../lib/tap.mjs";

const GOOD = "Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl";
const SECRET = "resource_metadata=https://bedrock-agentcore.example/arn";
const seen = [];
const agent = http.createServer((request, response) => {
	seen.push(request.headers);
	request.resume();
	if (request.headers.authorization !== GOOD) {
		response.writeHead(request.headers.authorization.endsWith("forbidden") ? 403 : 401,
			{ "www-authenticate": `Bearer ${SECRET}`, "content-type": "application/json" });
		response.end(JSON.stringify({ message: SECRET }));
		return;
	}
	response.writeHead(200, { "content-type": "text/event-stream" });
	response.end('data: "Hello "\n\ndata: "Ann"\n\n');
});
await new Promise((resolve) => agent.listen(0, "127.0.0.1", resolve));
const endpoint = `http://127.0.0.1:${agent.address().port}`;

for (const front of FRONTS) {
	test(`${front}: the caller's token goes to the agent`, async () => {
		// There are no keys: none are needed.
		const bed = await startBed({ front, env: { AWS_ACCESS_KEY_ID: undefined,
			AWS_SECRET_ACCESS_KEY: undefined },
			agents: { default: { endpoint, auth: "bearer" } } });
		const ask = (authorization) => fetchAll(`${bed.url}/invoke`, { body: { prompt: "hi" },
			headers: authorization === undefined ? {} : { authorization } });

		seen.length = 0;
		const reply = await ask(GOOD);
		assertStream(reply);
		assert.equal(reply.said.length, 2);
		assert.equal(seen[0].authorization, GOOD);
		assert.equal(seen[0]["x-amz-date"], undefined);
		assert.equal(seen[0]["x-amz-security-token"], undefined);
		assert.match(seen[0]["x-amzn-bedrock-agentcore-runtime-session-id"], /^.{33,}$/);

		const refused = await ask("Bearer other");
		assertRefused(refused, 401, "unauthorised");
		assert.equal(refused.headers["www-authenticate"], 'Bearer error="invalid_token"');
		assertClean(refused.text + JSON.stringify(refused.headers), "the refusal", [SECRET]);
		assertRefused(await ask("Bearer forbidden"), 502, "upstream_denied");

		seen.length = 0;
		for (const none of [undefined, "Bearer ", "Basic YTpi"]) {
			const missing = await ask(none);
			assertRefused(missing, 401, "unauthorised", String(none));
			assert.equal(missing.headers["www-authenticate"], "Bearer");
		}
		assert.equal(seen.length, 0);
		if (EXTERNAL.includes(front))
			await until(() => /no Authorization arrived/.test(bed.log()), "the log to say it");
		assertClean(bed.log(), "the log", [GOOD.slice(7), GOOD.slice(7, 19), SECRET]);
		await bed.stop();
	});
}

test("apache as it comes keeps Authorization: the log says who does", async () => {
	const bed = await startBed({ front: "apache", agents: { default: { endpoint, auth: "bearer" } },
		change: (text) => text.replace("CGIPassAuth On", "") });
	assertRefused(await fetchAll(`${bed.url}/invoke`, { body: { prompt: "hi" },
		headers: { authorization: GOOD } }), 401, "unauthorised");
	await until(() => /web server keeps it/.test(bed.log()), "the log to say it");
	await bed.stop();
});

test("with signatures, the caller's Authorization goes nowhere", async () => {
	const bed = await startBed({ front: "nginx" });
	assertStream(await fetchAll(`${bed.url}/invoke`, { body: { prompt: "hi" },
		headers: { authorization: GOOD } }));
	const [request] = await bed.upstream.requests();
	assert.match(request.headers.authorization, /^AWS4-HMAC-SHA256 /);
	await bed.stop();
});

await run(async () => {
	agent.close();
	await stopAll();
});
