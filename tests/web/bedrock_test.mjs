// backend = bedrock: a model answers through agentcgi, which remembers the
// conversation for it.

import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { JP } from "../upstream/answers.mjs";
import { startBedrock } from "../upstream/bedrock.mjs";
import { ACCOUNT, CREDENTIALS, startUpstream } from "../upstream/upstream.mjs";
import { AGENTCGI, FRONTS, frontOf, lazyBed, startBed } from "../lib/servers.mjs";
import {
	assertClean, assertFailedStream, assertRefused, assertStream,
} from "../lib/check.mjs";
import { runToEnd, stopAll, temporary, until } from "../lib/proc.mjs";
import { fetchAll } from "../lib/sse.mjs";
import { assert, run, test } from "../lib/tap.mjs";

const API_KEY = "bedrock-api-key-YmVkcm9jay1leGFtcGxl";
const MODEL = { backend: "bedrock", model: "openai.gpt-oss-120b-1:0", region: "us-west-2" };
const FIRST = "What did I say first?";
const MODELS = {
	plain: "openai.gpt-oss-20b-1:0",
	profile: "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
	arn: "arn:aws:bedrock:us-west-2::foundation-model/openai.gpt-oss-120b-1:0",
	inference: `arn:aws:bedrock:us-west-2:${ACCOUNT}:inference-profile/us.amazon.nova-lite-v1:0`,
	application: `arn:aws:bedrock:us-west-2:${ACCOUNT}:application-inference-profile/a1b2c3d4e5f6`,
};

const bedrock = await startBedrock({ apiKeys: [API_KEY] });
const start = lazyBed({
	upstream: bedrock,
	globals: { header_wait: "20s" },
	agents: {
		default: MODEL,
		other: MODEL,
		told: { ...MODEL, system: 'Answer in Japanese; say "はい" first.', max_tokens: 100,
			temperature: "0.7", top_p: "0.95", stop: "END, 終わり", guardrail: "gr4id",
			guardrail_version: 3 },
		some: { ...MODEL, temperature: 0, guardrail:
			`arn:aws:bedrock:us-west-2:${ACCOUNT}:guardrail/gr4id` },
		...Object.fromEntries(Object.entries(MODELS)
			.map(([name, model]) => [name, { ...MODEL, model }])),
	},
});

let sessions = 0;
const newSession = () => `bedrock-test-${process.pid}-0000000000-${String(++sessions).padStart(8, "0")}`;

const eventsOf = (reply) => reply.said.map((e) => JSON.parse(e.data).event);
const textsOf = (reply) => eventsOf(reply)
	.flatMap((e) => e.contentBlockDelta?.delta.text ?? []);
const lastRequest = async () => (await bedrock.requests()).at(-1);
const user = (text) => ({ role: "user", content: [{ text }] });
const assistant = (text) => ({ role: "assistant", content: [{ text }] });
const usageOf = (reply) => ({ usage: reply.data("done").usage });

// An answer that came to its end: its text.
function complete(reply, label) {
	assertStream(reply, "complete", label, usageOf(reply));
	assert.equal(typeof usageOf(reply).usage.totalTokens, "number");
	return textsOf(reply).join("");
}

// What the model was told when it was asked the last time.
const told = async () => (await lastRequest()).body.messages;

// Sees to it that the next request has exactly these turns before it.
async function assertKnows(bed, sessionId, turns, options = {}) {
	complete(await bed.answer("and now", { sessionId, ...options }));
	assert.deepEqual(await told(), [...turns, user("and now")]);
}

// Whoever runs agentcgi owns state_dir, as where it is installed: Apache, whom
// root starts, runs programs as this user (fronts.mjs).
function giveState(bed) {
	if (process.getuid() !== 0 || bed.front.server !== "apache" || bed.front.kind === "service")
		return;
	const [, uid, gid] = /^www-data:[^:]*:(\d+):(\d+):/m.exec(fs.readFileSync("/etc/passwd", "utf8"));
	fs.chownSync(bed.globals.state_dir, Number(uid), Number(gid));
}

/* ---- the answer ---- */

test("an event for each frame, in their order and as they are", async () => {
	const bed = await start();
	const reply = await bed.answer("Hello 世界, you");
	assert.equal(complete(reply), "Hello 世界, you");
	const delta = (text) => ({ contentBlockDelta: { contentBlockIndex: 0, delta: { text } } });
	const events = eventsOf(reply);
	assert.deepEqual(events.slice(0, -1), [
		{ messageStart: { role: "assistant" } },
		delta("Hello "), delta("世界, "), delta("you"),
		{ contentBlockStop: { contentBlockIndex: 0 } },
		{ messageStop: { stopReason: "end_turn" } },
	]);
	const usage = { inputTokens: 3, outputTokens: 3, totalTokens: 6 };
	assert.deepEqual(events.at(-1).metadata.usage, usage);
	assert.deepEqual(reply.data("done").usage, usage);
	assert.equal(new Set(reply.events.map((e) => e.id)).size, reply.events.length);
});

test("Japanese and the like", async () => {
	const bed = await start();
	const reply = await bed.answer("[[jp]]");
	complete(reply);
	assert.deepEqual(textsOf(reply), JP);
});

test("frames in single bytes, and a large one", async () => {
	const bed = await start();
	const split = await bed.answer("[[jp split]]");
	complete(split);
	assert.deepEqual(textsOf(split), JP);
	const big = complete(await bed.answer("[[big k=512]]"));
	assert.ok(Buffer.byteLength(big) >= 512 * 1024);
	assert.equal(big.split(" ").findIndex((word, i) => word !== `${i}あ`),
		big.split(" ").length - 1);
});

for (const front of FRONTS) {
	test(`${front}: each piece as it comes, and two turns`, async () => {
		const bed = await startBed({ front, upstream: bedrock, agents: { default: MODEL } });
		giveState(bed);
		const sessionId = newSession();
		const name = `pieces-${front}`;
		const reply = await bed.ask(`[[jp gate stream=${name}]]`, { sessionId });
		for (let i = 0; i <= JP.length; i++) { // messageStart is the first
			await bed.streamUntil(name, (s) => s.waiting && s.events === i, `waits at ${i}`);
			assert.ok(reply.said.length <= i);
			await bedrock.go(name);
			await reply.spoken(i + 1);
		}
		await bedrock.go(name, 3);
		assert.equal(complete(await reply.ended), JP.join(""));
		assert.equal(complete(await bed.answer(FIRST, { sessionId })),
			`[[jp gate stream=${name}]]`);
		await bed.stop();
	});
}

test("as JSON, with its usage", async () => {
	const bed = await start();
	const sessionId = newSession();
	const reply = await bed.answer("[[usage n=3]]",
		{ sessionId, headers: { accept: "application/json" } });
	assert.equal(reply.status, 200);
	const { runId, ...rest } = reply.json();
	assert.match(runId, /\S/);
	assert.deepEqual(rest, { text: "word0 word1 word2 ", sessionId, reason: "complete",
		usage: { inputTokens: 2, outputTokens: 3, totalTokens: 5,
			cacheReadInputTokens: 3, cacheWriteInputTokens: 4 } });
});

test("as text, and as a page", async () => {
	const bed = await start();
	const plain = await bed.answer("[[jp]]", { headers: { accept: "text/plain" } });
	assert.equal(plain.headers["content-type"], "text/plain; charset=utf-8");
	assert.equal(plain.text, JP.join(""));
	const html = await bed.answer("1 < 2 & 3", { headers: { accept: "text/html" } });
	assert.match(html.text, /<pre>1 &lt; 2 &amp; 3<\/pre>/);
});

test("reasoning, tools and what nobody knows yet are passed on", async () => {
	const bed = await start();
	const reasoning = await bed.answer("[[reasoning]]");
	assert.equal(complete(reasoning), "It is so.");
	assert.deepEqual(eventsOf(reasoning).flatMap((e) =>
		e.contentBlockDelta?.delta.reasoningContent ?? []),
	[{ text: "The user " }, { text: "asks." }, { signature: "c2ln" }]);
	const tool = await bed.answer("[[tool]]");
	assert.equal(complete(tool), "Let me see.");
	assert.equal(eventsOf(tool).flatMap((e) => e.contentBlockDelta?.delta.toolUse?.input ?? [])
		.join(""), '{"city":"東京"}');
	const unknown = await bed.answer("[[unknown]]");
	assert.equal(complete(unknown), "known text");
	assert.ok(eventsOf(unknown).some((e) => e.somethingNew));
	const text = await bed.answer("[[unknown]]", { headers: { accept: "text/plain" } });
	assert.equal(text.text, "known text");
});

test("why the model stopped is in its event", async () => {
	const bed = await start();
	for (const reason of ["max_tokens", "stop_sequence", "guardrail_intervened"]) {
		const reply = await bed.answer(`[[stop reason=${reason}]]`);
		complete(reply);
		assert.ok(eventsOf(reply).some((e) => e.messageStop?.stopReason === reason));
	}
});

test("a client that leaves ends the model's answer", async () => {
	const bed = await start();
	const reply = await bed.ask("[[jp gate stream=let-go]]");
	await bedrock.go("let-go", 3);
	await reply.spoken(3);
	reply.leave();
	await bed.streamUntil("let-go", (s) => s.ended === "peer", "is let go");
});

/* ---- the request ---- */

test("with nothing configured, the messages alone", async () => {
	const bed = await start();
	complete(await bed.answer('こんにちは "you"\n\\'));
	const { method, url, headers, body, refused } = await lastRequest();
	assert.equal(refused, null);
	assert.equal(method, "POST");
	assert.equal(url, "/model/openai.gpt-oss-120b-1%3A0/converse-stream");
	assert.deepEqual(body, { messages: [user('こんにちは "you"\n\\')] });
	assert.match(headers["content-type"], /^application\/json/);
	assert.match(headers.accept, /application\/vnd\.amazon\.eventstream/);
	assert.equal(headers["x-amzn-bedrock-agentcore-runtime-session-id"], undefined);
	assert.ok(Number(headers["content-length"]) > 0);
	assert.match(headers.authorization, new RegExp(
		`^AWS4-HMAC-SHA256 Credential=${CREDENTIALS.accessKeyId}/\\d{8}/us-west-2/bedrock/aws4_request,`));
});

test("system, limits, stop and guardrail", async () => {
	const bed = await start();
	complete(await bed.answer("hi", { to: "/invoke/told" }));
	assert.deepEqual((await lastRequest()).body, {
		messages: [user("hi")],
		system: [{ text: 'Answer in Japanese; say "はい" first.' }],
		inferenceConfig: { maxTokens: 100, temperature: 0.7, topP: 0.95,
			stopSequences: ["END", "終わり"] },
		guardrailConfig: { guardrailIdentifier: "gr4id", guardrailVersion: "3" },
	});
	complete(await bed.answer("hi", { to: "/invoke/some" }));
	assert.deepEqual((await lastRequest()).body, {
		messages: [user("hi")],
		inferenceConfig: { temperature: 0 },
		guardrailConfig: { guardrailVersion: "DRAFT", guardrailIdentifier:
			`arn:aws:bedrock:us-west-2:${ACCOUNT}:guardrail/gr4id` },
	});
});

for (const [name, model] of Object.entries(MODELS)) {
	test(`${model} arrives as it is, and verified`, async () => {
		const bed = await start();
		complete(await bed.answer("hi", { to: `/invoke/${name}` }));
		const request = await lastRequest();
		assert.equal(request.refused, null);
		assert.equal(request.model, model);
		assert.equal(request.url, `/model/${encodeURIComponent(model)}/converse-stream`);
	});
}

test("the region may be the environment's or the model's own", async () => {
	for (const [keys, env, region] of [
		[{ model: "m-1:0" }, { AWS_REGION: "eu-central-1" }, "eu-central-1"],
		[{ model: MODELS.inference }, {}, "us-west-2"],
	]) {
		const bed = await startBed({ upstream: bedrock, env,
			agents: { default: { backend: "bedrock", ...keys } } });
		complete(await bed.answer("hi"));
		assert.ok((await lastRequest()).headers.authorization.includes(`/${region}/bedrock/`));
		await bed.stop();
	}
});

test("the endpoint may be the environment's", async () => {
	const bed = await startBed({ upstream: bedrock,
		env: { AWS_ENDPOINT_URL_BEDROCK_RUNTIME: bedrock.url },
		agents: { default: { ...MODEL, endpoint: "" } } });
	assert.equal(complete(await bed.answer("found it")), "found it");
	await bed.stop();
});

test("a session token is sent and signed", async () => {
	const credentials = { ...CREDENTIALS, sessionToken: "IQoJb3JpZ2luX2VjE//token+==" };
	const own = await startBedrock({ credentials });
	const bed = await startBed({ upstream: own, agents: { default: MODEL },
		env: { AWS_SESSION_TOKEN: credentials.sessionToken } });
	complete(await bed.answer("hi"));
	await bed.stop();
	await own.close();
});

/* ---- Bedrock's API keys ---- */

const NO_KEYS = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined };

async function assertBearer(bed) {
	assert.equal(complete(await bed.answer("with a key")), "with a key");
	const { headers, accessKeyId } = await lastRequest();
	assert.equal(headers.authorization, `Bearer ${API_KEY}`);
	assert.equal(headers["x-amz-date"], undefined);
	assert.equal(headers["x-amz-security-token"], undefined);
	assert.equal(headers["x-api-key"], undefined);
	assert.equal(accessKeyId, null);
	await until(() => /reason=complete/.test(bed.log()), "the log of it");
	assertClean(bed.log(), "the log", [API_KEY]);
}

test("AWS_BEARER_TOKEN_BEDROCK goes before keys, and needs none", async () => {
	for (const env of [{}, NO_KEYS]) {
		const bed = await startBed({ upstream: bedrock, agents: { default: MODEL },
			env: { ...env, AWS_BEARER_TOKEN_BEDROCK: API_KEY } });
		await assertBearer(bed);
		await bed.stop();
	}
});

test("one that may not stand in a header is not sent", async () => {
	for (const end of ["\n", "\r\nX-More: 1", "\x7f"]) {
		const bed = await startBed({ upstream: bedrock, agents: { default: MODEL },
			env: { AWS_BEARER_TOKEN_BEDROCK: API_KEY + end } });
		const before = (await bedrock.stats()).requests;
		assertRefused(await bed.answer("hi"), 503, "no_credentials");
		assert.equal((await bedrock.stats()).requests, before);
		await until(() => /AWS_BEARER_TOKEN_BEDROCK holds/.test(bed.log()), "the log to say it");
		assertClean(bed.log(), "the log", [API_KEY]);
		await bed.stop();
	}
});

test("AWS_BEARER_TOKEN_BEDROCK is for models alone", async () => {
	const upstream = await startUpstream();
	const bed = await startBed({ upstream, env: { AWS_BEARER_TOKEN_BEDROCK: API_KEY } });
	assertStream(await bed.answer("hi"));
	assert.match((await upstream.requests())[0].headers.authorization, /^AWS4-HMAC-SHA256 /);
	await bed.stop();
	await upstream.close();
});

test("auth = api_key, from its file, read each time", async () => {
	const file = path.join(temporary(), "key");
	const bed = await startBed({ upstream: bedrock, env: NO_KEYS,
		agents: { default: { ...MODEL, auth: "api_key", api_key_file: file } } });
	assertRefused(await bed.answer("no file"), 503, "no_credentials");
	fs.writeFileSync(file, `${API_KEY}\n`, { mode: 0o600 });
	await assertBearer(bed);
	fs.writeFileSync(file, "bedrock-api-key-revoked");
	assertRefused(await bed.answer("refused"), 502, "upstream_denied");
	fs.writeFileSync(file, API_KEY);
	await assertBearer(bed);
	assertClean(bed.log(), "the log", ["bedrock-api-key"]);
	await bed.stop();
});

/* ---- failures ---- */

const EXCEPTIONS = {
	throttlingException: "upstream_throttled",
	serviceUnavailableException: "upstream_throttled",
	modelStreamErrorException: "agent_failed",
	modelTimeoutException: "upstream_timeout",
	internalServerException: "upstream_error",
	validationException: "upstream_error",
	somethingNewException: "upstream_error",
};

for (const [type, code] of Object.entries(EXCEPTIONS)) {
	test(`${type} in the stream is ${code}, then done`, async () => {
		const bed = await start();
		const reply = await bed.answer(`[[exception type=${type} n=2]]`);
		assertFailedStream(reply, code);
		assert.deepEqual(textsOf(reply), ["word0 ", "word1 "]);
		const json = await bed.answer(`[[exception type=${type} n=2]]`,
			{ headers: { accept: "application/json" } });
		assertRefused(json, json.status, code);
		assert.ok(json.status >= 500);
	});
}

test("an error that no model of the service has is upstream_error", async () => {
	const bed = await start();
	const reply = await bed.answer("[[error code=InternalFailure n=1]]");
	assertFailedStream(reply, "upstream_error");
	assert.deepEqual(textsOf(reply), ["word0 "]);
});

test("before the first delta, too", async () => {
	const bed = await start();
	assertFailedStream(await bed.answer("[[exception n=0]]"), "upstream_throttled");
});

for (const mode of ["cut", "reset", "half", "nostop", "crc", "prelude"]) {
	test(`${mode}: upstream_error, and nothing of the broken frame`, async () => {
		const bed = await start();
		const reply = await bed.answer(`[[${mode} n=2]]`);
		// A reset may overtake what came before it.
		if (mode === "reset" && reply.status !== 200)
			return assertRefused(reply, 502, "upstream_error");
		assertFailedStream(reply, "upstream_error");
		if (mode !== "reset")
			assert.deepEqual(textsOf(reply), ["word0 ", "word1 "]);
		assertClean(reply.text, mode, ["never"]);
		const plain = await bed.answer(`[[${mode} n=2]]`, { headers: { accept: "text/plain" } });
		assertClean(plain.text, mode, ["never"]);
	});
}

const STATUSES = [
	[400, "ValidationException", 502, "upstream_error"],
	[400, "ServiceQuotaExceededException", 503, "upstream_throttled"],
	[403, "AccessDeniedException", 502, "upstream_denied"],
	[404, "ResourceNotFoundException", 502, "upstream_not_found"],
	[408, "ModelTimeoutException", 504, "upstream_timeout"],
	[424, "ModelErrorException", 502, "agent_failed"],
	[429, "ThrottlingException", 503, "upstream_throttled"],
	[500, "InternalServerException", 502, "upstream_error"],
	[503, "ServiceUnavailableException", 502, "upstream_error"],
];

for (const [theirs, type, status, code] of STATUSES) {
	test(`${theirs} ${type} is ${status} ${code}`, async () => {
		const bed = await start();
		assertRefused(await bed.answer(`[[status code=${theirs} type=${type}]]`), status, code);
	});
}

test("a model that is not ready is asked again", async () => {
	const bed = await start();
	assert.equal(complete(await bed.answer(
		"[[refuse status=429 type=ModelNotReadyException times=2 stream=ready]] Now I am")),
	"Now I am");
	assert.equal((await bedrock.stats()).attempts.ready, 3);
	assertRefused(await bed.answer(
		"[[refuse status=404 type=ResourceNotFoundException times=1 stream=final]] Never"),
	502, "upstream_not_found");
	assert.equal((await bedrock.stats()).attempts.final, 1);
});

// Not Bedrock: whatever it sends, and however it calls that.
const OTHERS = {
	"a page": ["text/html", "<html>Sign in</html>"],
	"JSON": ["application/json", '{"output":{"message":{"content":[{"text":"hi"}]}}}'],
	"server-sent events": ["text/event-stream", 'data: "hi"\n\n'],
	"no type": ["", "hi"],
	"no frames": ["application/vnd.amazon.eventstream", "hi, I am no frame at all, am I?"],
	"nothing": ["application/vnd.amazon.eventstream", ""],
};

for (const [what, [type, body]] of Object.entries(OTHERS)) {
	test(`${what} for an event stream is upstream_error`, async () => {
		const server = http.createServer((req, res) => {
			req.resume();
			res.writeHead(200, type ? { "content-type": type } : {});
			res.end(body);
		});
		await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
		const bed = await startBed({ upstream: bedrock, agents: { default: {
			...MODEL, endpoint: `http://127.0.0.1:${server.address().port}` } } });
		const reply = await bed.answer("hello");
		if (reply.status === 200)
			assertFailedStream(reply, "upstream_error");
		else
			assertRefused(reply, 502, "upstream_error");
		assert.equal(reply.said.length, 0);
		assertClean(bed.log(), "the log", ["hello", "Sign in", "am I?"]);
		await bed.stop();
		server.close();
		server.closeAllConnections();
	});
}

test("at info, the log has no word of model or client", async () => {
	const bed = await startBed({ upstream: bedrock, agents: { default: MODEL } });
	const sessionId = newSession();
	complete(await bed.answer("quokkaprompt 秘密の質問", { sessionId }));
	complete(await bed.answer(FIRST, { sessionId }));
	assertFailedStream(await bed.answer("[[exception]] quokkaprompt", { sessionId }),
		"upstream_throttled");
	assertRefused(await bed.answer("[[status code=403]] quokkaprompt", { sessionId }),
		502, "upstream_denied");
	await until(() => (bed.log().match(/reason=/g) ?? []).length === 4, "the log of four runs");
	assert.match(bed.log(), /throttlingException/);
	assertClean(bed.log(), "the log", ["quokkaprompt", "秘密", "word0", "zebrawords",
		CREDENTIALS.secretAccessKey, ACCOUNT, sessionId]);
	await bed.stop();
});

/* ---- memory ---- */

test("a session has its turns, in one process", async () => {
	const bed = await start();
	const sessionId = newSession();
	complete(await bed.answer("My name is 花子.", { sessionId }));
	assert.equal(complete(await bed.answer(FIRST, { sessionId })), "My name is 花子.");
	assert.deepEqual(await told(), [user("My name is 花子."), assistant("My name is 花子."),
		user(FIRST)]);
	await assertKnows(bed, sessionId, [user("My name is 花子."), assistant("My name is 花子."),
		user(FIRST), assistant("My name is 花子.")]);
});

test("a session that was minted goes on, too", async () => {
	const bed = await start();
	const first = await bed.answer("minted");
	const { sessionId } = first.data("session");
	await assertKnows(bed, sessionId, [user("minted"), assistant("minted")]);
});

test("it does not matter in which form a turn was answered", async () => {
	const bed = await start();
	const sessionId = newSession();
	const turns = [];
	for (const accept of ["application/json", "text/plain", "text/html"]) {
		const prompt = `as ${accept}`;
		assert.equal((await bed.answer(prompt, { sessionId, headers: { accept } })).status, 200);
		turns.push(user(prompt), assistant(prompt));
	}
	await assertKnows(bed, sessionId, turns);
});

test("sessions are apart, and so are agents", async () => {
	const bed = await start();
	const [one, two] = [newSession(), newSession()];
	complete(await bed.answer("I am one", { sessionId: one }));
	complete(await bed.answer("I am two", { sessionId: two }));
	assert.equal(complete(await bed.answer(FIRST, { sessionId: one })), "I am one");
	assert.equal(complete(await bed.answer(FIRST, { sessionId: two })), "I am two");
	await assertKnows(bed, one, [], { to: "/invoke/other" });
});

test("many sessions at once are apart", async () => {
	const bed = await start();
	const all = Array.from({ length: 20 }, (_, i) => ({ i, sessionId: newSession() }));
	await Promise.all(all.map(({ i, sessionId }) =>
		bed.answer(`I am number ${i}`, { sessionId }).then(complete)));
	await Promise.all(all.map(async ({ i, sessionId }) =>
		assert.equal(complete(await bed.answer(FIRST, { sessionId })), `I am number ${i}`)));
});

test("two turns of one session at once are both remembered, whole", async () => {
	const bed = await start();
	const sessionId = newSession();
	const prompts = ["[[jp gate stream=a]]", "[[jp gate stream=b]]"];
	const replies = await Promise.all(prompts.map((p) => bed.ask(p, { sessionId })));
	await bedrock.go("b", JP.length + 4);
	complete(await replies[1].ended);
	await bedrock.go("a", JP.length + 4);
	complete(await replies[0].ended);
	await assertKnows(bed, sessionId, [user(prompts[1]), assistant(JP.join("")),
		user(prompts[0]), assistant(JP.join(""))]);
});

test("thoughts are not remembered, text is", async () => {
	const bed = await start();
	const sessionId = newSession();
	complete(await bed.answer("[[reasoning]]", { sessionId }));
	await assertKnows(bed, sessionId, [user("[[reasoning]]"), assistant("It is so.")]);
});

test("a turn that failed is not remembered", async () => {
	const bed = await start();
	const sessionId = newSession();
	complete(await bed.answer("well", { sessionId }));
	for (const spoilt of ["exception", "error", "half", "cut", "nostop", "crc", "status code=403"])
		await bed.answer(`[[${spoilt}]]`, { sessionId });
	// Nothing was said, or nothing that the model would take back.
	complete(await bed.answer("[[stop n=0]]", { sessionId }));
	complete(await bed.answer("[[blank]]", { sessionId }));
	await assertKnows(bed, sessionId, [user("well"), assistant("well")]);
});

test("a turn that was left is not remembered", async () => {
	const bed = await start();
	const sessionId = newSession();
	const reply = await bed.ask("[[jp gate stream=left]]", { sessionId });
	await bedrock.go("left", 3);
	await reply.spoken(3);
	reply.leave();
	await bed.streamUntil("left", (s) => s.ended === "peer", "is let go");
	await assertKnows(bed, sessionId, []);
});

test("one that was left after its end is", async () => {
	const bed = await start();
	const sessionId = newSession();
	const reply = await bed.ask("[[jp stream=late]]", { sessionId });
	reply.pause();
	await bed.streamUntil("late", (s) => s.ended === "complete", "is complete");
	await until(() => bed.log().includes(`request=${reply.headers["x-request-id"]} `),
		"the log to say so");
	reply.leave();
	await assertKnows(bed, sessionId, [user("[[jp stream=late]]"), assistant(JP.join(""))]);
});

test("the next process knows what was said", async () => {
	const bed = await startBed({ upstream: bedrock, agents: { default: MODEL } });
	const sessionId = newSession();
	complete(await bed.answer("before 再起動", { sessionId }));
	await bed.agentcgi.stop();
	await bed.startAgentcgi();
	assert.equal(complete(await bed.answer(FIRST, { sessionId })), "before 再起動");
	await bed.stop();
});

test("two processes that share state_dir are of one mind", async () => {
	const one = await startBed({ upstream: bedrock, agents: { default: MODEL } });
	const two = await startBed({ upstream: bedrock, agents: { default: MODEL },
		globals: { state_dir: one.globals.state_dir } });
	const sessionId = newSession();
	const turns = [];
	for (const [i, bed] of [one, two, two, one, one, two].entries()) {
		complete(await bed.answer(`turn ${i}`, { sessionId }));
		assert.deepEqual(await told(), [...turns, user(`turn ${i}`)]);
		turns.push(user(`turn ${i}`), assistant(`turn ${i}`));
	}
	const dir = path.join(one.globals.state_dir, "conversations");
	for (const name of fs.readdirSync(dir)) {
		assert.match(name, /^[0-9a-f]{64}\.jsonl$/); // not the session's id
		assert.equal(fs.statSync(path.join(dir, name)).mode & 0o777, 0o600);
	}
	assert.equal(fs.statSync(dir).mode & 0o777, 0o700);
	await one.stop();
	await two.stop();
});

for (const front of FRONTS.filter((name) => ["cgi", "fcgid"].includes(frontOf(name).kind))) {
	test(`${front}: processes that come and go remember`, async () => {
		const bed = await startBed({ front, upstream: bedrock, agents: { default: MODEL } });
		giveState(bed);
		const [one, two] = [newSession(), newSession()];
		const turns = [];
		for (let i = 0; i < 4; i++) {
			complete(await bed.answer(`turn ${i}`, { sessionId: one }));
			assert.deepEqual(await told(), [...turns, user(`turn ${i}`)]);
			turns.push(user(`turn ${i}`), assistant(`turn ${i}`));
		}
		await assertKnows(bed, two, []);
		await bed.stop();
	});
}

// root may write anywhere, so what is there is of the wrong kind.
const OBSTACLES = {
	"a file is in its place": (dir) => fs.writeFileSync(dir, "mine"),
	"others may write there": (dir) => {
		fs.mkdirSync(dir);
		fs.chmodSync(dir, 0o777);
	},
	"it leads elsewhere": (dir) => fs.symlinkSync("/tmp", dir),
};

for (const [what, obstruct] of Object.entries(OBSTACLES)) {
	test(`conversations cannot be kept, ${what}: memory serves, and the log says so once`, async () => {
		const bed = await startBed({ upstream: bedrock, agents: { default: MODEL } });
		obstruct(path.join(bed.globals.state_dir, "conversations"));
		const sessionId = newSession();
		complete(await bed.answer("first", { sessionId }));
		complete(await bed.answer("second", { sessionId }));
		await assertKnows(bed, sessionId, [user("first"), assistant("first"),
			user("second"), assistant("second")]);
		complete(await bed.answer("elsewhere", { sessionId: newSession() }));
		await until(() => (bed.log().match(/reason=complete/g) ?? []).length === 4, "the log of four runs");
		assert.equal(bed.log().match(/cannot keep conversations in/g)?.length, 1, bed.log());
		await bed.stop();
	});
}

test("what does not fit any more is left out from the beginning", async () => {
	const bed = await start();
	const sessionId = newSession();
	for (let i = 0; i < 4; i++)
		complete(await bed.answer(`[[big k=${90 + i}]]`, { sessionId }));
	complete(await bed.answer("and now", { sessionId }));
	const messages = await told();
	assert.deepEqual(messages.filter((m) => m.role === "user").map((m) => m.content[0].text),
		["[[big k=92]]", "[[big k=93]]", "and now"]);
	assert.equal(messages.length, 5);
});

test("an answer that is too long to be remembered is told whole, and the log says so", async () => {
	const bed = await start();
	const inLog = () => (bed.log().match(/the model will not remember/g) ?? []).length;
	const before = inLog();
	for (const k of [300, 1100]) {
		const sessionId = newSession();
		const reply = await bed.answer(`[[big k=${k}]]`, { sessionId });
		assert.ok(complete(reply).length >= 1024 * k);
		await assertKnows(bed, sessionId, []);
	}
	await until(() => inLog() === before + 2, "the log to say it of both");
});

test("from the shell, too, a session goes on", async () => {
	const bed = await start();
	const session = newSession();
	const ask = (prompt) => runToEnd([AGENTCGI, "invoke", "--config", bed.configPath,
		"--session", session, prompt], { env: bed.env });
	assert.equal((await ask("I am 花子")).out, "I am 花子");
	assert.equal((await ask(FIRST)).out, "I am 花子");
});

test("a prompt of the whole size is taken", async () => {
	const bed = await start();
	const prompt = "あ\"\n".repeat(13107); // 64 KiB
	assert.equal(complete(await bed.answer(prompt)), prompt);
	assert.deepEqual((await told()), [user(prompt)]);
});

test("HEAD and health ask no model", async () => {
	const bed = await start();
	const before = (await bedrock.stats()).requests;
	assert.equal((await fetchAll(`${bed.url}/invoke`, { method: "HEAD" })).status, 200);
	assert.equal((await bed.get("/health")).status, 200);
	assert.equal((await bedrock.stats()).requests, before);
});

await run(async () => {
	await bedrock.close();
	await stopAll();
});
