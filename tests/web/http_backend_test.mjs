// backend = http: any service that streams over HTTP, and each way to be let
// in there.

import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { JP } from "../upstream/answers.mjs";
import { startPlain } from "../upstream/plain.mjs";
import { CREDENTIALS, LEAK } from "../upstream/upstream.mjs";
import { verify } from "../upstream/verify.mjs";
import {
	AGENTCGI, FRONTS, cleanEnvironment, configText, lazyBed, spawnAgent, startBed,
} from "../lib/servers.mjs";
import {
	assertClean, assertFailedStream, assertRefused, assertStream,
} from "../lib/check.mjs";
import { runToEnd, stopAll, temporary, until } from "../lib/proc.mjs";
import { assert, run, test } from "../lib/tap.mjs";

const SESSION_HEADER = "x-amzn-bedrock-agentcore-runtime-session-id";
const SESSION = "http-backend-test-000000000000000000000001";
const SSE = "text/event-stream";
const LAMBDA = "application/vnd.awslambda.http-integration-response";
const OCTETS = "application/octet-stream";
const NULS = "\0".repeat(8);
const SAID = 'data: "Hello "\n\ndata: "世界"\n\n';
const TEMPORARY = { ...CREDENTIALS, sessionToken: "IQoJb3JpZ2luX2VjE//token+==" };

const whole = (type, body, headers, status) => (plain) => {
	plain.head(type, headers, status);
	plain.end(body);
};

const answers = {
	"/sse": whole(SSE, SAID),
	"/sse/gated": async (plain) => {
		plain.head(SSE);
		await plain.gated('data: "one "\n\n', 'data: "two "\n\n', 'data: "three"\n\n');
		plain.end();
	},
	"/json": whole("application/json", '{"result": "JSON こんにちは 🎉"}'),
	"/text": async (plain) => {
		plain.head("text/plain; charset=utf-8");
		await plain.pieces(Buffer.from("Grüße, 世").subarray(0, -1),
			Buffer.from("世").subarray(-1), "界\nsecond line");
		plain.end();
	},
	"/text/gated": async (plain) => {
		plain.head("text/plain; charset=utf-8");
		await plain.gated("one ", "two ", "three");
		plain.end();
	},
	"/ndjson": whole("application/x-ndjson",
		'{"text":"Hello "}\n{"type":"status","message":"thinking"}\n{"text":"世界"}'),
	"/ndjson/gated": async (plain) => {
		plain.head("application/x-ndjson");
		await plain.gated('{"text":"one "}\n', '{"text":"two "}\n{"te', 'xt":"three"}\n');
		plain.end();
	},
	"/lambda/gated": async (plain) => {
		plain.head(LAMBDA);
		await plain.gated(`${PRELUDE}${NULS}data: "one "\n\n`, 'data: "two "\n\n',
			'data: "three"\n\n');
		plain.end();
	},
	"/302": whole("text/html", "<a>", { location: "/sse" }, 302),
	"/301": whole("text/html", "<a>", { location: "/sse" }, 301),
	"/307": whole("text/html", "<a>", { location: "/sse" }, 307),
	"/204": (plain) => {
		plain.head("", {}, 204);
		plain.end();
	},
	"/page": whole("text/html", `<html>${LEAK}</html>`),
	"/image": whole("image/png", "\x89PNG"),
	"/frames": whole("application/vnd.amazon.eventstream", "\0\0\0\0"),
	"/cut": async (plain) => {
		plain.head(SSE);
		await plain.pieces('data: "one "\n\n', 'data: "tw');
		plain.res.socket.destroy();
	},
	"/midthrow": whole(SSE, `data: "one "\n\ndata: ${JSON.stringify({ error: LEAK })}\n\n`),
	...Object.fromEntries([400, 401, 403, 404, 408, 429, 500, 502, 503].map((status) =>
		[`/status/${status}`, whole("application/json", JSON.stringify({ message: LEAK }),
			{ "x-amzn-errortype": "Whatever" }, status)])),
};

const plain = await startPlain(answers);
const TARGETS = ["/sse", "/json", "/text", "/ndjson", "/302", "/301", "/307", "/204", "/page",
	"/image", "/frames", "/cut", "/midthrow", "/lambda",
	...Object.keys(answers).filter((at) => at.startsWith("/status/"))];
const nameOf = (target) => target.slice(1).replaceAll("/", "-");
const agentsAt = (targets, keys) => Object.fromEntries(targets.map((target) =>
	[nameOf(target), { backend: "http", url: plain.url + target, auth: "none", ...keys }]));
const start = lazyBed({ upstream: plain, globals: { header_wait: "20s" },
	agents: { ...agentsAt(TARGETS), default: agentsAt(["/sse"]).sse } });

const at = (target) => ({ to: `/invoke/${nameOf(target)}` });
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const strings = (reply) => reply.said.map((e) => JSON.parse(e.data));

// One agent of its own: the answer to hi, and what the service was sent.
async function ask(keys, { env, options, target = "/sse" } = {}) {
	const bed = await startBed({ upstream: plain, env,
		agents: { default: { backend: "http", url: plain.url + target, ...keys } } });
	plain.requests.length = 0;
	const reply = await bed.answer("こんにちは", { sessionId: SESSION, ...options });
	await until(() => /request=\S+ .*status=/.test(bed.log()), "the log of it");
	const log = bed.log();
	await bed.stop();
	return { reply, log, request: plain.requests.at(-1), requests: plain.requests.length };
}

/* ---- formats ---- */

for (const front of FRONTS) {
	test(`${front}: server-sent events, text, NDJSON and Lambda's answers stream`, async () => {
		const targets = ["/sse/gated", "/text/gated", "/ndjson/gated", "/lambda/gated"];
		const bed = await startBed({ front, upstream: plain, agents: agentsAt(targets) });
		for (const target of targets) {
			const reply = await bed.ask("hi", at(target));
			const textOf = () => reply.said.map(({ data }) =>
				(target.startsWith("/text") ? data : JSON.parse(data).text ?? JSON.parse(data)))
				.join("");
			// The second is not made before the first has arrived.
			await reply.until(() => textOf() === "one ", "the first");
			plain.go();
			await reply.until(() => textOf() === "one two ", "the second");
			plain.go();
			assertStream(await reply.ended);
			assert.equal(textOf(), "one two three");
		}
		await bed.stop();
	});
}

test("text streams, cut between bytes of a character", async () => {
	const bed = await start();
	const reply = await bed.answer("hi", at("/text"));
	assertStream(reply);
	const plainly = await bed.answer("hi", { ...at("/text"), headers: { accept: "text/plain" } });
	assert.equal(plainly.text, "Grüße, 世界\nsecond line");
	assert.doesNotMatch(reply.text, /\ufffd/);
});

test("every format in every form", async () => {
	const bed = await start();
	const texts = { "/sse": "Hello 世界", "/json": "JSON こんにちは 🎉",
		"/text": "Grüße, 世界\nsecond line", "/ndjson": "Hello 世界" };
	for (const [target, text] of Object.entries(texts)) {
		const get = (accept) => bed.answer("hi", { ...at(target), headers: { accept } });
		assert.equal((await get("text/plain")).text, text, target);
		assert.equal((await get("application/json")).json().text, text, target);
		assert.ok((await get("text/html")).text.includes(`<pre>${text}</pre>`), target);
		assertStream(await get(SSE), "complete", target);
	}
});

test("JSON is one event, as it came; NDJSON one for each line", async () => {
	const bed = await start();
	const json = await bed.answer("hi", at("/json"));
	assertStream(json);
	assert.deepEqual(json.said.map((e) => e.data), ['{"result": "JSON こんにちは 🎉"}']);
	const lines = await bed.answer("hi", at("/ndjson"));
	assertStream(lines);
	assert.deepEqual(strings(lines), [{ text: "Hello " },
		{ type: "status", message: "thinking" }, { text: "世界" }]);
});

/* ---- Lambda's prelude ---- */

const PRELUDE = JSON.stringify({ statusCode: 200, headers: { "Content-Type": SSE,
	"X-More": 'a "quoted" } brace' }, cookies: [] });

// The answer of a function, through Lambda's own content type unless told.
async function ofLambda(pieces, type = LAMBDA, options = {}) {
	const bed = await start();
	answers["/lambda"] = async (p) => {
		p.head(type);
		await p.pieces(...pieces);
		p.end();
	};
	return bed.answer("hi", { ...at("/lambda"), ...options });
}

test("Lambda's prelude is stripped, however it is cut", async () => {
	const bytes = Buffer.from(PRELUDE + NULS + SAID);
	const end = PRELUDE.length + NULS.length;
	for (const cut of [1, 10, PRELUDE.length - 1, PRELUDE.length, PRELUDE.length + 1,
		end - 1, end, end + 1, end + 6, bytes.length - 1]) {
		const reply = await ofLambda([bytes.subarray(0, cut), bytes.subarray(cut)]);
		assertStream(reply, "complete", `cut at ${cut}`);
		assert.deepEqual(strings(reply), ["Hello ", "世界"]);
		assert.doesNotMatch(reply.text, /\0|statusCode/);
	}
	const reply = await ofLambda([...bytes.subarray(0, end + 4)].map((b) => Buffer.of(b))
		.concat(bytes.subarray(end + 4)));
	assertStream(reply);
	assert.deepEqual(strings(reply), ["Hello ", "世界"]);
}, { limit: 300_000 });

test("what comes behind it is of the type that it says", async () => {
	const types = {
		"text/plain": ["Hello 世界", "Hello 世界"],
		"application/json": ['{"result":"Hello 世界"}', "Hello 世界"],
		"application/x-ndjson": ['{"text":"Hello "}\n{"text":"世界"}\n', "Hello 世界"],
		[SSE]: [SAID, "Hello 世界"],
	};
	for (const [type, [body, text]] of Object.entries(types)) {
		for (const name of ["content-type", "Content-Type", "CONTENT-TYPE"]) {
			const prelude = JSON.stringify({ statusCode: 200, headers: { [name]: type } });
			const reply = await ofLambda([prelude + NULS + body], LAMBDA,
				{ headers: { accept: "text/plain" } });
			assert.equal(reply.text, text, `${name}: ${type}`);
		}
	}
});

test("as octets, and without a type of its own", async () => {
	for (const prelude of [{}, { statusCode: 201 }, { headers: {} }]) {
		for (const type of [OCTETS, LAMBDA, ""]) {
			const reply = await ofLambda([JSON.stringify(prelude) + NULS, "Hello 世界"], type,
				{ headers: { accept: "text/plain" } });
			assert.equal(reply.text, "Hello 世界", `${JSON.stringify(prelude)} as ${type}`);
		}
	}
});

test("without a prelude, all of it is the answer", async () => {
	for (const [body, text] of [["Hello 世界", "Hello 世界"], ["{not a prelude", "{not a prelude"],
		['{"a":1}\0\0 no', '{"a":1}\0\0 no']]) {
		const reply = await ofLambda([body.slice(0, 3), body.slice(3)], OCTETS,
			{ headers: { accept: "text/plain" } });
		assert.equal(reply.text, text);
	}
});

test("server-sent events are not searched for a prelude", async () => {
	const reply = await ofLambda([SAID], SSE);
	assertStream(reply);
	assert.deepEqual(strings(reply), ["Hello ", "世界"]);
});

test("a prelude that tells of a failure is upstream_error", async () => {
	for (const statusCode of [301, 400, 403, 404, 429, 500, 502, "503"]) {
		const prelude = JSON.stringify({ statusCode, headers: { "content-type": SSE } });
		const reply = await ofLambda([prelude + NULS, LEAK]);
		assertRefused(reply, 502, "upstream_error", String(statusCode));
		const bed = await start();
		await until(() => bed.log().includes(`request=${reply.json().error.requestId} `
			+ `upstream's function answered ${statusCode}`), "the log to say it");
	}
});

test("a type behind it that no agent has is upstream_error", async () => {
	const prelude = JSON.stringify({ headers: { "content-type": "text/html" } });
	assertRefused(await ofLambda([`${prelude}${NULS}<html>`]), 502, "upstream_error");
});

test("a prelude and nothing behind it is upstream_error", async () => {
	for (const body of [PRELUDE + NULS, NULS.slice(0, 0)]) {
		const reply = await ofLambda([body]);
		if (reply.status === 200)
			assertFailedStream(reply, "upstream_error");
		else
			assertRefused(reply, 502, "upstream_error");
	}
});

/* ---- failures ---- */

for (const status of [301, 302, 307]) {
	test(`${status} is not followed`, async () => {
		const bed = await start();
		plain.requests.length = 0;
		assertRefused(await bed.answer("hi", at(`/${status}`)), 502, "upstream_error");
		assert.deepEqual(plain.requests.map((r) => r.path), [`/${status}`]);
	});
}

const STATUSES = {
	400: [502, "upstream_error"],
	401: [502, "upstream_denied"],
	403: [502, "upstream_denied"],
	404: [502, "upstream_not_found"],
	408: [504, "upstream_timeout"],
	429: [503, "upstream_throttled"],
	500: [502, "upstream_error"],
	502: [502, "upstream_error"],
	503: [502, "upstream_error"],
};

for (const [theirs, [status, code]] of Object.entries(STATUSES)) {
	test(`${theirs} is ${status} ${code}`, async () => {
		const bed = await start();
		assertRefused(await bed.answer("hi", at(`/status/${theirs}`)), status, code);
	});
}

for (const target of ["/204", "/page", "/image", "/frames"]) {
	test(`${target.slice(1)} for an answer is upstream_error`, async () => {
		const bed = await start();
		const reply = await bed.answer("hi", at(target));
		if (reply.status === 200)
			assertFailedStream(reply, "upstream_error");
		else
			assertRefused(reply, 502, "upstream_error");
	});
}

test("an answer that is cut is told, and so is an error of the agent's", async () => {
	const bed = await start();
	const cut = await bed.answer("hi", at("/cut"));
	assertFailedStream(cut, "upstream_error");
	assert.deepEqual(strings(cut), ["one "]);
	const thrown = await bed.answer("hi", at("/midthrow"));
	assertFailedStream(thrown, "agent_failed");
	assert.deepEqual(strings(thrown), ["one "]);
});

/* ---- the request ---- */

test("POST to the very url, with the prompt, the session and no more", async () => {
	const bed = await start();
	plain.requests.length = 0;
	assertStream(await bed.answer("こんにちは 🎉", { sessionId: SESSION, headers: {
		cookie: "secret=1", authorization: "Basic dTpw", "x-api-key": "theirs",
		"x-forwarded-for": "1.2.3.4", "x-amz-security-token": "evil" } }));
	const [{ method, url, headers, body }] = plain.requests;
	assert.equal(method, "POST");
	assert.equal(url, "/sse");
	assert.deepEqual(JSON.parse(body), { prompt: "こんにちは 🎉" });
	assert.deepEqual(Object.keys(headers).sort(), ["accept", "content-length", "content-type", "host",
		"user-agent", "x-amz-content-sha256", SESSION_HEADER].sort());
	assert.equal(headers.host, `127.0.0.1:${plain.port}`);
	assert.match(headers["content-type"], /^application\/json/);
	assert.match(headers.accept, /text\/event-stream/);
	assert.match(headers.accept, /application\/json/);
	assert.equal(headers[SESSION_HEADER], SESSION);
	// For CloudFront, which signs for Lambda with it.
	assert.equal(headers["x-amz-content-sha256"], sha256(body));
	assert.equal(Number(headers["content-length"]), body.length);
});

test("a url with a query is asked as it is", async () => {
	for (const query of ["?stage=prod&x=a%20b%2Fc", "?flag", "?a=1&a=2&b=", "?q=%E4%B8%96+x"]) {
		const { reply, request } = await ask({ url: `${plain.url}/sse${query}`, auth: "none" });
		assertStream(reply);
		assert.equal(request.url, `/sse${query}`);
	}
});

test("payload = passthrough sends all but the session", async () => {
	const { reply, request } = await ask({ auth: "none", payload: "passthrough" },
		{ options: { temperature: 0.5, history: [{ role: "user", "日本": ["語", null] }] } });
	assertStream(reply);
	assert.deepEqual(JSON.parse(request.body), { prompt: "こんにちは", temperature: 0.5,
		history: [{ role: "user", "日本": ["語", null] }] });
	assert.equal(request.headers[SESSION_HEADER], SESSION);
	assert.equal(request.headers["x-amz-content-sha256"], sha256(request.body));
});

/* ---- who vouches ---- */

// Signed by AWS's rules, for this service and region.
async function assertSigned(request, service, region, credentials = CREDENTIALS) {
	const found = await verify({ ...request, url: request.url.replace(/^http:\/\/[^/]*/, ""),
		protocol: "http:" }, { credentials: [credentials], service, now: Date.now() });
	assert.equal(found.region, region);
	for (const name of ["host", "x-amz-date", "x-amz-content-sha256", "content-type", SESSION_HEADER])
		assert.ok(found.signedHeaders.includes(name), `${name} is signed`);
	assert.equal(request.headers["x-amz-content-sha256"], sha256(request.body));
	assert.equal(request.headers["x-api-key"], undefined);
}

for (const [service, region] of [["execute-api", "eu-west-1"], ["lambda", "ap-northeast-1"],
	["bedrock-agentcore", "us-west-2"]]) {
	test(`auth = sigv4 for ${service}, with and without a query`, async () => {
		for (const target of ["/sse", "/sse?b=2&a=1&c", "/sse?x=a%20b%2Fc&e=", "/sse?p=a+b"]) {
			const { reply, request } = await ask({ service, region }, { target });
			assertStream(reply, "complete", target);
			assert.equal(request.url, target);
			await assertSigned(request, service, region);
		}
	});
}

test("a session token is sent and signed", async () => {
	const { reply, request } = await ask({ service: "lambda", region: "us-east-1" },
		{ env: { AWS_SESSION_TOKEN: TEMPORARY.sessionToken } });
	assertStream(reply);
	await assertSigned(request, "lambda", "us-east-1", TEMPORARY);
});

/* A proxy for HTTP takes requests to hosts that are not here. */
const HOSTS = {
	"a1b2c3.execute-api.eu-west-1.amazonaws.com": ["execute-api", "eu-west-1"],
	"a1b2c3.execute-api.cn-north-1.amazonaws.com.cn": ["execute-api", "cn-north-1"],
	"abcdefghijklmnopqrstuvwxyz012345.lambda-url.ap-northeast-1.on.aws": ["lambda", "ap-northeast-1"],
	"g-1.gateway.bedrock-agentcore.us-west-2.amazonaws.com": ["bedrock-agentcore", "us-west-2"],
	"bedrock-agentcore.us-east-1.amazonaws.com": ["bedrock-agentcore", "us-east-1"],
};

for (const [host, [service, region]] of Object.entries(HOSTS)) {
	test(`${host} tells service and region`, async () => {
		const { reply, request } = await ask({ url: `http://${host}/sse?stage=prod` },
			{ env: { http_proxy: plain.url, no_proxy: undefined } });
		assertStream(reply);
		assert.equal(request.headers.host, host);
		await assertSigned(request, service, region);
	});
}

test("a url that does not tell needs service and region", async () => {
	const file = path.join(temporary(), "agentcgi.conf");
	const check = async (keys) => {
		fs.writeFileSync(file, configText({}, { default: { backend: "http", ...keys } }));
		return runToEnd([AGENTCGI, "--dump-config", "--config", file],
			{ env: cleanEnvironment(temporary()) });
	};
	for (const keys of [{}, { service: "lambda" }, { region: "us-west-2" }]) {
		const done = await check({ url: "https://chat.example.com/", ...keys });
		assert.notEqual(done.code, 0);
		assert.match(done.err, /service and region/);
	}
	assert.equal((await check({ url: "https://chat.example.com/", auth: "none" })).code, 0);
	const other = await check({ region: "us-west-2",
		url: "https://a1b2c3.execute-api.eu-west-1.amazonaws.com/prod" });
	assert.notEqual(other.code, 0);
	assert.match(other.err, /eu-west-1/);
	const mine = await check({ service: "mine", region: "us-west-2",
		url: "https://chat.example.com/" });
	assert.match(mine.out, /^service = mine$/m);
});

test("without keys it is 503 no_credentials, and nobody is asked", async () => {
	const { reply, requests } = await ask({ service: "lambda", region: "us-east-1" },
		{ env: { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined } });
	assertRefused(reply, 503, "no_credentials");
	assert.equal(requests, 0);
});

test("auth = none: the body's hash, and nothing that vouches", async () => {
	const { reply, request } = await ask({ auth: "none" });
	assertStream(reply);
	assert.equal(request.headers["x-amz-content-sha256"], sha256(request.body));
	for (const name of ["authorization", "x-api-key", "x-amz-date", "x-amz-security-token"])
		assert.equal(request.headers[name], undefined, name);
});

test("auth = bearer: the caller's token is passed on", async () => {
	const authorization = "Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2ln";
	const { reply, request, log } = await ask({ auth: "bearer" }, { options: { headers: { authorization } } });
	assertStream(reply);
	assert.equal(request.headers.authorization, authorization);
	assert.equal(request.headers["x-amz-date"], undefined);
	assertClean(log, "the log", [authorization.slice(7)]);
	const without = await ask({ auth: "bearer" });
	assertRefused(without.reply, 401, "unauthorised");
	assert.equal(without.requests, 0);
	const refused = await ask({ auth: "bearer" }, { target: "/status/401",
		options: { headers: { authorization } } });
	assertRefused(refused.reply, 401, "unauthorised");
});

test("auth = api_key: X-Api-Key from its file, read each time", async () => {
	const dir = temporary();
	const file = path.join(dir, "key");
	const bed = await startBed({ upstream: plain, agents: { default: {
		backend: "http", url: `${plain.url}/sse`, auth: "api_key", api_key_file: file } } });
	const keys = ["quokka-0123456789abcdef", "quokka-fedcba9876543210", "quokka-0123456789"];
	for (const [i, end] of ["", "\n", "\r\n"].entries()) {
		fs.writeFileSync(file, keys[i] + end, { mode: 0o600 });
		plain.requests.length = 0;
		assertStream(await bed.answer("hi"));
		const [{ headers, body }] = plain.requests;
		assert.equal(headers["x-api-key"], keys[i]);
		assert.equal(headers.authorization, undefined);
		assert.equal(headers["x-amz-content-sha256"], sha256(body));
	}
	plain.requests.length = 0;
	const spoilt = {
		"not there": () => fs.rmSync(file),
		empty: () => fs.writeFileSync(file, "\n"),
		"two lines": () => fs.writeFileSync(file, `${keys[0]}\n${keys[1]}\n`),
		"too long": () => fs.writeFileSync(file, "quokka-".repeat(10_000)),
		"a directory": () => {
			fs.rmSync(file);
			fs.mkdirSync(file);
		},
	};
	for (const [what, spoil] of Object.entries(spoilt)) {
		spoil();
		assertRefused(await bed.answer("hi"), 503, "no_credentials", what);
	}
	assert.equal(plain.requests.length, 0);
	fs.rmdirSync(file);
	fs.writeFileSync(file, keys[0]);
	assertStream(await bed.answer("and again"));
	await until(() => (bed.log().match(/reason=/g) ?? []).length === 9, "the log of all runs");
	assertClean(bed.log(), "the log", ["quokka"]);
	await bed.stop();
});

/* ---- a container of AgentCore's, on this machine ---- */

test("the agent of AWS's SDK, without AgentCore", async () => {
	const agent = await spawnAgent();
	const bed = await startBed({ upstream: plain, agents: { default: {
		backend: "http", url: `${agent.url}/invocations`, auth: "none" } } });
	const reply = await bed.answer("Hello 世界, you");
	assertStream(reply);
	assert.deepEqual(reply.said.map((e) => e.data), ["Hello ", "世界, ", "you"]);
	const dict = await bed.answer("[[agent do=dict]]");
	assertStream(dict);
	assert.equal(dict.said.length + dict.named("message").length, 4);
	const json = await bed.answer("[[agent do=json]]",
		{ sessionId: SESSION, headers: { accept: "application/json" } });
	assert.equal(json.json().text, "JSON answer こんにちは 🎉");
	const raw = await bed.answer("[[agent do=json]]", { sessionId: SESSION });
	assert.deepEqual(strings(raw), [{ result: "JSON answer こんにちは 🎉", session: SESSION }]);
	const text = await bed.answer("[[agent do=text]]", { headers: { accept: "text/plain" } });
	assert.equal(text.text, "plain string answer こんにちは");
	assertFailedStream(await bed.answer("[[agent do=midthrow]]"), "agent_failed");
	assertRefused(await bed.answer("[[agent do=throw]]"), 502, "upstream_error");
	await bed.stop();
	await agent.close();
});

test("Japanese, in every cut of its bytes", async () => {
	const body = Buffer.from(JP.map((text) => `data: ${JSON.stringify(text)}\n\n`).join(""));
	const reply = await ofLambda(Array.from({ length: Math.ceil(body.length / 7) },
		(_, i) => body.subarray(7 * i, 7 * i + 7)), SSE);
	assertStream(reply);
	assert.deepEqual(strings(reply), JP);
});

await run(async () => {
	await plain.close();
	await stopAll();
});
