// agentcgi serve with a model behind it, at the root of a web server, is an
// agent: it takes what AgentCore asks its containers for.  And so agentcgi in
// front of agentcgi: as the browser's, and as the agent.

import {
	BedrockAgentCoreClient,
	InvokeAgentRuntimeCommand,
} from "@aws-sdk/client-bedrock-agentcore";
import { JP } from "../upstream/answers.mjs";
import { startBedrock } from "../upstream/bedrock.mjs";
import { ARN, CREDENTIALS, startUpstream } from "../upstream/upstream.mjs";
import { FRONTS, lazyBed, startBed } from "../lib/servers.mjs";
import {
	assertClean, assertFailedStream, assertRefused, assertStream, visible,
} from "../lib/check.mjs";
import { stopAll } from "../lib/proc.mjs";
import { fetchAll, open } from "../lib/sse.mjs";
import { assert, run, test } from "../lib/tap.mjs";

const SESSION_HEADER = "x-amzn-bedrock-agentcore-runtime-session-id";
const MODEL = { backend: "bedrock", model: "openai.gpt-oss-120b-1:0", region: "us-west-2" };
const FIRST = "What did I say first?";

let sessions = 0;
const newSession = () => `container-test-${process.pid}-0000000-${String(++sessions).padStart(8, "0")}`;

/* The model, the container, and the data plane in front of the container. */
const bedrock = await startBedrock();
const agent = await startBed({ front: "lighttpd", mount: "/", upstream: bedrock,
	agents: { default: MODEL } });
const service = await startUpstream({ agentUrl: agent.url, through: true });

const post = (body, { session = newSession(), headers, url = agent.url } = {}) =>
	open(`${url}/invocations`, { method: "POST", body, headers: {
		accept: "text/event-stream, application/json",
		...(session && { [SESSION_HEADER]: session }), ...headers } });
const invoke = async (body, options) => (await post(body, options)).ended;

// A stream as an agent's: events of its own, each one line of data.
function assertAgents(reply) {
	assert.equal(reply.status, 200, reply.text);
	assert.match(reply.headers["content-type"], /^text\/event-stream\b/);
	assert.equal(reply.cut, false);
	assert.doesNotMatch(reply.text, /^(event|id|retry):/m);
	assertClean(visible(reply), "the answer");
	return reply.said.map((e) => JSON.parse(e.data));
}

const texts = (events) => events
	.flatMap((e) => e.event?.contentBlockDelta?.delta.text ?? []);
const browserTexts = (reply) => texts(reply.said.map((e) => JSON.parse(e.data)));

/* ---- the contract ---- */

test("GET /ping", async () => {
	const reply = await fetchAll(`${agent.url}/ping`);
	assert.equal(reply.status, 200);
	assert.match(reply.headers["content-type"], /^application\/json\b/);
	assert.deepEqual(reply.json(), { status: "Healthy" });
	assert.equal((await fetchAll(`${agent.url}/ping`, { method: "HEAD" })).status, 200);
	assertRefused(await fetchAll(`${agent.url}/ping`, { method: "POST", body: "{}" }),
		405, "method_not_allowed");
});

test("POST /invocations: the model's events, and none of ours", async () => {
	const session = newSession();
	const reply = await invoke({ prompt: "Hello 世界, you" }, { session });
	const events = assertAgents(reply);
	assert.deepEqual(texts(events), ["Hello ", "世界, ", "you"]);
	assert.deepEqual(events[0], { event: { messageStart: { role: "assistant" } } });
	assert.ok(events.at(-1).event.metadata);
	assert.equal(reply.headers[SESSION_HEADER], session);
});

test("each piece as it comes", async () => {
	const reply = await post({ prompt: "[[jp gate stream=pieces]]" });
	for (let i = 0; i <= JP.length; i++) {
		await agent.streamUntil("pieces", (s) => s.waiting && s.events === i, `waits at ${i}`);
		assert.ok(reply.said.length <= i);
		await bedrock.go("pieces");
		await reply.spoken(i + 1);
	}
	await bedrock.go("pieces", 3);
	assert.deepEqual(texts(assertAgents(await reply.ended)), JP);
});

test("the session of the header is the conversation", async () => {
	for (const session of [newSession(), "x".repeat(256), `${newSession()} /~!`, "short"]) {
		const prompt = `I am ${session}`;
		assertAgents(await invoke({ prompt }, { session }));
		const second = assertAgents(await invoke({ prompt: FIRST, sessionId: newSession() },
			{ session }));
		assert.equal(texts(second).join(""), prompt);
	}
});

test("without a session, each is its own", async () => {
	assertAgents(await invoke({ prompt: "nobody's" }, { session: null }));
	assert.equal(texts(assertAgents(await invoke({ prompt: FIRST }, { session: null }))).join(""),
		FIRST);
});

test("a body of another type, or of none, is JSON", async () => {
	for (const type of ["application/json; charset=utf-8", "text/plain", "application/octet-stream"]) {
		const reply = await invoke(JSON.stringify({ prompt: "typed" }),
			{ headers: { "content-type": type } });
		assert.deepEqual(texts(assertAgents(reply)), ["typed"]);
	}
	assert.deepEqual(texts(assertAgents(await invoke(JSON.stringify({ prompt: "untyped" })))),
		["untyped"]);
});

test("who does not say what is wanted gets the stream", async () => {
	for (const accept of ["*/*", "text/event-stream", ""]) {
		const reply = await invoke({ prompt: "as it is" }, { headers: { accept } });
		assert.deepEqual(texts(assertAgents(reply)), ["as ", "it ", "is"], accept);
	}
});

test("who wants JSON gets JSON", async () => {
	const session = newSession();
	const reply = await invoke({ prompt: "as JSON" },
		{ session, headers: { accept: "application/json" } });
	assert.match(reply.headers["content-type"], /^application\/json\b/);
	assert.equal(reply.json().text, "as JSON");
	assert.equal(reply.json().sessionId, session);
});

test("what is wrong is said with a status", async () => {
	const bad = [
		["{", "bad_request"],
		["[]", "bad_request"],
		["", "bad_request"],
		['"hi"', "bad_request"],
		[JSON.stringify({}), "bad_request"],
		[JSON.stringify({ prompt: "" }), "bad_request"],
		[JSON.stringify({ prompt: 7 }), "bad_request"],
		[Buffer.from('{"prompt":"\xff"}', "latin1"), "bad_request"],
	];
	for (const [body, code] of bad)
		assertRefused(await invoke(body), 400, code, JSON.stringify(body));
	assertRefused(await invoke({ prompt: "hi" }, { session: "x".repeat(257) }), 400, "bad_request");
	assertRefused(await invoke({ prompt: "x".repeat(70_000) }), 413, "too_large");
	assertRefused(await fetchAll(`${agent.url}/invocations`), 405, "method_not_allowed");
	assertRefused(await invoke({ prompt: "hi" }, { url: `${agent.url}/v1` }), 404, "not_found");
	assertRefused(await invoke({ prompt: "hi" }, { url: `${agent.url}/invocations` }),
		404, "not_found");
	assertRefused(await invoke({ prompt: "[[status code=403]]" }), 502, "upstream_denied");
});

test("an exception in the stream is told as AWS's own servers do", async () => {
	const reply = await invoke({ prompt: "[[exception type=throttlingException n=2]]" });
	const events = assertAgents(reply);
	assert.deepEqual(texts(events), ["word0 ", "word1 "]);
	const { error, error_type: type, ...more } = events.at(-1);
	assert.deepEqual(more, {});
	assert.match(error, /\S/);
	assert.equal(type, "upstream_throttled");
	assert.ok(reply.text.endsWith("}\n\n"));
});

test("a peer that leaves ends the model's answer", async () => {
	const reply = await post({ prompt: "[[jp gate stream=let-go]]" });
	await bedrock.go("let-go", 3);
	await reply.spoken(3);
	reply.leave();
	await agent.streamUntil("let-go", (s) => s.ended === "peer", "is let go");
});

/* ---- where ---- */

const ROOTED = FRONTS.filter((front) => front !== "apache-htaccess");

for (const front of ROOTED) {
	test(`${front}: at the root of a host it is an agent`, async () => {
		const bed = await startBed({ front, mount: "/", upstream: bedrock,
			agents: { default: MODEL } });
		assert.deepEqual((await fetchAll(`${bed.url}/ping`)).json(), { status: "Healthy" });
		const session = newSession();
		const reply = await invoke({ prompt: "at the root" }, { url: bed.url, session });
		assert.deepEqual(texts(assertAgents(reply)), ["at ", "the ", "root"]);
		assert.equal(reply.headers[SESSION_HEADER], session);
		await bed.stop();
	});

	test(`${front}: below a prefix it is none`, async () => {
		for (const mount of ["/api", "/deep/er"]) {
			const bed = await startBed({ front, mount, upstream: bedrock,
				agents: { default: MODEL } });
			assertRefused(await fetchAll(`${bed.url}/ping`), 404, "not_found");
			assertRefused(await invoke({ prompt: "hi" }, { url: bed.url }), 404, "not_found");
			for (const path of ["/ping", "/invocations"])
				assert.equal((await fetchAll(bed.origin + path)).status, 404);
			assert.equal((await fetchAll(`${bed.url}/health`)).status, 200);
			await bed.stop();
		}
	});
}

test("below a prefix that the configuration names it is", async () => {
	const bed = await startBed({ front: "nginx", upstream: bedrock, globals: { mount: "/api" },
		agents: { default: MODEL } });
	assert.deepEqual((await fetchAll(`${bed.url}/ping`)).json(), { status: "Healthy" });
	assert.deepEqual(texts(assertAgents(await invoke({ prompt: "mounted" }, { url: bed.url }))),
		["mounted"]);
	await bed.stop();
});

/* ---- agentcgi in front of it ---- */

/* The ways from a browser to the container: right away, and through AgentCore.
 * What AgentCore's caller sees of a container's refusal is 424. */
const WAYS = {
	"backend = http": {
		agents: { default: { backend: "http", url: `${agent.url}/invocations`, auth: "none" } },
		refused: { 403: [502, "upstream_error"], 408: [502, "upstream_error"] },
	},
	"backend = agentcore": {
		agents: { default: {} },
		refused: { 403: [502, "agent_failed"], 408: [502, "agent_failed"] },
	},
};

// What a browser may rely on, once each.
function assertBrowsers(reply, label) {
	assertStream(reply, "complete", label);
	assert.equal(reply.text.match(/^event: session$/gm).length, 1);
	assert.equal(reply.text.match(/^event: done$/gm).length, 1);
	assert.equal(reply.text.match(/^event:/gm).length, 2);
	// One id for each event, all of one run, counted.
	const { runId } = reply.data("session");
	const ids = reply.text.match(/^id: .*$/gm);
	assert.deepEqual(ids, reply.events.map((e, i) => `id: ${runId}.${i + 1}`));
	assert.equal(reply.headers[SESSION_HEADER], reply.data("session").sessionId);
}

for (const [way, { agents, refused }] of Object.entries(WAYS)) {
	for (const front of ["nginx", "lighttpd-cgi"]) {
		const outer = lazyBed({ front, upstream: service, agents,
			globals: { header_wait: "20s" } });

		test(`${way}, ${front}: two turns, remembered through both`, async () => {
			const bed = await outer();
			const sessionId = newSession();
			const first = await bed.answer("My name is 花子, and yours?", { sessionId });
			assertBrowsers(first);
			assert.deepEqual(browserTexts(first), ["My ", "name ", "is ", "花子, ", "and ", "yours?"]);
			const second = await bed.answer(FIRST, { sessionId });
			assertBrowsers(second);
			assert.equal(browserTexts(second).join(""), "My name is 花子, and yours?");
			const { messages } = (await bedrock.requests()).at(-1).body;
			assert.deepEqual(messages.map((m) => m.role), ["user", "assistant", "user"]);
			const other = await bed.answer(FIRST, { sessionId: newSession() });
			assert.equal(browserTexts(other).join(""), FIRST);
		});

		test(`${way}, ${front}: a session minted by the first is the second's`, async () => {
			const bed = await outer();
			const { sessionId } = (await bed.answer("minted")).data("session");
			const second = await bed.answer(FIRST, { sessionId });
			assert.equal(browserTexts(second).join(""), "minted");
		});

		test(`${way}, ${front}: each piece as it comes, through both`, async () => {
			const bed = await outer();
			const name = `through-${front}-${way.replaceAll(" ", "")}`;
			const reply = await bed.ask(`[[jp gate stream=${name}]]`);
			for (let i = 0; i <= JP.length; i++) {
				await agent.streamUntil(name, (s) => s.waiting && s.events === i, `waits at ${i}`);
				assert.ok(reply.said.length <= i);
				await bedrock.go(name);
				await reply.spoken(i + 1);
			}
			await bedrock.go(name, 3);
			assertBrowsers(await reply.ended);
			assert.deepEqual(browserTexts(reply), JP);
		});

		test(`${way}, ${front}: the other forms of an answer`, async () => {
			const bed = await outer();
			const plain = await bed.answer("[[jp]]", { headers: { accept: "text/plain" } });
			assert.equal(plain.text, JP.join(""));
			const json = await bed.answer("[[jp]]", { headers: { accept: "application/json" } });
			assert.equal(json.json().text, JP.join(""));
			assert.equal(json.json().reason, "complete");
		});

		test(`${way}, ${front}: an exception of the model is our event: error`, async () => {
			const bed = await outer();
			for (const type of ["throttlingException", "modelStreamErrorException",
				"internalServerException"]) {
				const sessionId = newSession();
				const reply = await bed.answer(`[[exception type=${type} n=2]]`, { sessionId });
				assertFailedStream(reply, "agent_failed");
				assert.deepEqual(browserTexts(reply), ["word0 ", "word1 "]);
				// Not remembered, so that the next turn is the first.
				assert.equal(browserTexts(await bed.answer(FIRST, { sessionId })).join(""), FIRST);
			}
			const json = await bed.answer("[[exception]]", { headers: { accept: "application/json" } });
			assertRefused(json, 502, "agent_failed");
		});

		for (const [theirs, [status, code]] of Object.entries(refused)) {
			test(`${way}, ${front}: ${theirs} of the model's service is ${status} ${code}`, async () => {
				const bed = await outer();
				assertRefused(await bed.answer(`[[status code=${theirs}]]`), status, code);
			});
		}

		test(`${way}, ${front}: a client that leaves is told to the model`, async () => {
			const bed = await outer();
			const name = `left-${front}-${way.replaceAll(" ", "")}`;
			const reply = await bed.ask(`[[jp gate stream=${name}]]`);
			await bedrock.go(name, 3);
			await reply.spoken(3);
			reply.leave();
			await agent.streamUntil(name, (s) => s.ended === "peer", "is let go");
		});
	}
}

/* ---- AWS's own client, through AgentCore ---- */

test("AWS's client, two turns", async () => {
	const client = new BedrockAgentCoreClient({ region: "us-west-2", endpoint: service.url,
		credentials: CREDENTIALS, maxAttempts: 1 });
	const session = newSession();
	const ask = (prompt) => client.send(new InvokeAgentRuntimeCommand({
		agentRuntimeArn: ARN,
		qualifier: "DEFAULT",
		runtimeSessionId: session,
		contentType: "application/json",
		accept: "text/event-stream, application/json",
		payload: JSON.stringify({ prompt }),
	}));
	const said = async (answer) => {
		assert.equal(answer.statusCode, 200);
		assert.match(answer.contentType, /^text\/event-stream/);
		assert.equal(answer.runtimeSessionId, session);
		const lines = (await answer.response.transformToString()).split("\n")
			.filter((line) => line.startsWith("data: "));
		return texts(lines.map((line) => JSON.parse(line.slice(6)))).join("");
	};
	assert.equal(await said(await ask("Remember 花子, please")), "Remember 花子, please");
	assert.equal(await said(await ask(FIRST)), "Remember 花子, please");
	await assert.rejects(ask("[[status code=403]]"), (e) => e.name === "RuntimeClientError");
	client.destroy();
});

test("the service refused nothing of this", async () => {
	const { refused, verified } = await service.stats();
	assert.equal(refused, 0);
	assert.ok(verified > 0);
});

await run(async () => {
	await service.close();
	await bedrock.close();
	await stopAll();
});
