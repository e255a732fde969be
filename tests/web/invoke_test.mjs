// agentcgi invoke: an agent asked from the shell, without a web server.

import fs from "node:fs";
import path from "node:path";
import { JP } from "../upstream/answers.mjs";
import { ARN, CREDENTIALS, SECRETS, startUpstream } from "../upstream/upstream.mjs";
import { AGENTCGI, cleanEnvironment, configText } from "../lib/servers.mjs";
import { freePort, runToEnd, start, stopAll, temporary, until } from "../lib/proc.mjs";
import { assert, run, test } from "../lib/tap.mjs";

const upstream = await startUpstream();
const SESSION = "s0123456789-0123456789_0123456789-0123456789";
const MINTED = /^agentcgi: session ([A-Za-z0-9][A-Za-z0-9_-]{42})$/m;

const environment = (more = {}) => cleanEnvironment(temporary(), {
	AGENT_RUNTIME_ARN: ARN,
	AWS_ENDPOINT_URL_BEDROCK_AGENTCORE: upstream.url,
	...more,
});

// A program that reads input: {code, signal, out, err}.
async function asked(argv, { env, input } = {}) {
	const options = { env: environment(env) };
	if (input === undefined)
		return runToEnd(argv, options);
	const process = start(argv, { ...options, stdin: "pipe" });
	process.child.stdin.on("error", () => {});
	process.child.stdin.end(input);
	const how = await process.exited;
	await new Promise(setImmediate);
	return { ...how, out: process.out(), err: process.err() };
}

const invoke = (args, options) => asked([AGENTCGI, "invoke", ...args], options);

// What must hold however it ends: nothing secret, nothing but text in out.
function assertDone(done, code, words = []) {
	// Our own hint may name what IAM has to allow.
	const all = (done.out + done.err).replaceAll("bedrock-agentcore:InvokeAgentRuntime", "");
	assert.equal(done.code, code, all);
	assert.equal(done.signal, null);
	for (const secret of SECRETS)
		assert.ok(!all.includes(secret), `${secret} in:\n${all}`);
	for (const word of words)
		assert.ok(done.err.includes(word), `no "${word}" in:\n${done.err}`);
}

// A file with the upstream's default agent, changed by keys.
function configured(globals, keys = {}, agents = {}) {
	const file = path.join(temporary(), "agentcgi.conf");
	const agent = { arn: ARN, endpoint: upstream.url };
	fs.writeFileSync(file, configText(globals, {
		default: { ...agent, ...keys },
		...Object.fromEntries(Object.entries(agents)
			.map(([name, more]) => [name, { ...agent, ...more }])),
	}));
	return file;
}

const lastRequest = async () => (await upstream.requests()).at(-1);

test("the text of an answer, and the session that was minted", async () => {
	const done = await invoke(["Hello you there"]);
	assertDone(done, 0);
	assert.equal(done.out, "Hello you there");
	const [, session] = MINTED.exec(done.err);
	assert.equal(done.err, `agentcgi: session ${session}\n`);
	const request = await lastRequest();
	assert.equal(request.body, '{"prompt":"Hello you there"}');
	assert.equal(request.headers["x-amzn-bedrock-agentcore-runtime-session-id"], session);
});

test("each word as it comes", async () => {
	const process = start([AGENTCGI, "invoke", "[[sse n=4 gate stream=words]]"],
		{ env: environment() });
	for (let i = 0; i < 4; i++) {
		await until(async () => (await upstream.stats()).streams
			.some((s) => s.stream === "words" && s.waiting && s.events === i), `tick ${i}`);
		assert.equal((process.out().match(/\[t:/g) ?? []).length, i);
		await upstream.go("words");
		await until(() => process.out().includes(`:${i}]`), `word ${i}`);
	}
	assert.deepEqual(await process.exited, { code: 0, signal: null });
});

test("Japanese, both ways", async () => {
	const done = await invoke(["こんにちは 世界 🌏"]);
	assertDone(done, 0);
	assert.equal(done.out, "こんにちは 世界 🌏");
	const many = await invoke(["[[jp]]"]);
	assertDone(many, 0);
	assert.equal(many.out, JP.join(""));
});

test("whole answers: JSON and plain text", async () => {
	const json = await invoke(["[[json]]"]);
	assertDone(json, 0);
	assert.equal(json.out, "JSON answer こんにちは 🎉");
	const text = await invoke(["[[text]]"]);
	assertDone(text, 0);
	assert.equal(text.out, "plain string answer こんにちは\nsecond line");
});

test("- reads standard input", async () => {
	const done = await invoke(["-"], { input: "two lines\nof 日本語\n" });
	assertDone(done, 0);
	assert.equal((await lastRequest()).body,
		JSON.stringify({ prompt: "two lines\nof 日本語\n" }));
	assert.equal(done.out, "two lines\nof 日本語\n");
});

test("-- lets a prompt begin with a hyphen", async () => {
	const done = await invoke(["--", "--agent is a word"]);
	assertDone(done, 0);
	assert.equal(done.out, "--agent is a word");
});

test("a session that is given is kept, and not told", async () => {
	const done = await invoke(["--session", SESSION, "hi"]);
	assertDone(done, 0);
	assert.equal(done.err, "");
	assert.equal((await lastRequest())
		.headers["x-amzn-bedrock-agentcore-runtime-session-id"], SESSION);
});

test("--config, AGENTCGI_CONFIG and --agent", async () => {
	const file = configured({}, {}, { other: { qualifier: "OTHER" } });
	assertDone(await invoke(["--config", file, "--agent", "other", "hi"]), 0);
	assert.equal((await lastRequest()).query.qualifier, "OTHER");
	assertDone(await invoke(["--agent", "other", "hi"], { env: { AGENTCGI_CONFIG: file } }), 0);
	assert.equal((await lastRequest()).query.qualifier, "OTHER");
	assertDone(await invoke(["-c", file, "hi"]), 0);
	assert.equal((await lastRequest()).query.qualifier, "DEFAULT");
	const done = await invoke(["-c", file, "--agent", "none", "hi"]);
	assertDone(done, 64, ["no agent of this name", "(not_found)", "there are: default other"]);
});

test("wrong use is 64, and says what is wrong", async () => {
	const before = (await upstream.requests()).length;
	for (const [args, words, input] of [
		[[], ["without a PROMPT", "--help"]],
		[["--agent", "default"], ["without a PROMPT"]],
		[["hello", "you"], ["one PROMPT", "quotes"]],
		[["hello", "--odd"], ["--odd"]],
		[["-odd"], ["-odd"]],
		[["hello", "--session"], ["--session"]],
		[["--session", "short", "hello"], ["33 to 100", "(bad_request)"]],
		[["--session", "", "hello"], ["33 to 100"]],
		[[""], ["non-empty prompt"]],
		[[" \n\t"], ["non-empty prompt"]],
		[["-"], ["non-empty prompt"], ""],
		[["-"], ["UTF-8"], Buffer.from([0x61, 0xff])],
		[["-"], ["UTF-8"], Buffer.from([0xed, 0xa0, 0x80])],
		[["-"], ["UTF-8"], "a\0b"],
		[["-"], ["too long", "max_prompt"], "x".repeat(64 * 1024 + 1)],
		[["-"], ["too long", "max_prompt"], "x".repeat(3_000_000)],
	]) {
		const done = await invoke(args, { input });
		assertDone(done, 64, words);
		assert.equal(done.out, "");
	}
	assert.equal((await upstream.requests()).length, before);
	assertDone(await invoke(["-"], { input: "x".repeat(64 * 1024) }), 0);
});

test("standard input that cannot be read", async () => {
	const fd = fs.openSync("/", "r");
	const done = await runToEnd([AGENTCGI, "invoke", "-"],
		{ env: environment(), stdin: fd });
	fs.closeSync(fd);
	assertDone(done, 1, ["cannot read the prompt"]);
});

test("invoke --help and --version are those of all", async () => {
	assert.match((await invoke(["--help"])).out, /^Usage:/m);
	assert.match((await invoke(["hello", "-V"])).out, /^agentcgi \d/);
});

test("a configuration that is bad, or none, is 78", async () => {
	const file = path.join(temporary(), "agentcgi.conf");
	fs.writeFileSync(file, "no_such_key = 1\n");
	assertDone(await invoke(["-c", file, "hi"]), 78, [`${file}:1: `]);
	assertDone(await invoke(["-c", `${file}.none`, "hi"]), 78, [`${file}.none`]);
	const none = await invoke(["hi"], { env: { AGENT_RUNTIME_ARN: undefined } });
	assertDone(none, 78, ["agentcgi: "]);
});

test("keys that are wrong, or none", async () => {
	const wrong = await invoke(["hi"], { env: { AWS_SECRET_ACCESS_KEY: "wrong" } });
	assertDone(wrong, 1, ["(upstream_denied)", "InvokeAgentRuntime"]);
	assert.equal(wrong.out, "");
	assert.doesNotMatch(wrong.err, MINTED);
	const none = await invoke(["hi"], { env: {
		AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined } });
	assertDone(none, 1, ["(no_credentials)", "set AWS_ACCESS_KEY_ID"]);
});

test("refused by the service", async () => {
	for (const [code, words] of [
		[403, ["(upstream_denied)", "InvokeAgentRuntime"]],
		[404, ["(upstream_not_found)", "check arn and qualifier"]],
		[429, ["(upstream_throttled)", "in a few seconds"]],
		[424, ["(agent_failed)", "log"]],
		[500, ["(upstream_error)", "log_level = debug"]],
	]) {
		const done = await invoke([`[[status code=${code}]]`]);
		assertDone(done, 1, words);
		assert.equal(done.out, "");
	}
});

test("nobody listens", async () => {
	const done = await invoke(["hi"], { env: {
		AWS_ENDPOINT_URL_BEDROCK_AGENTCORE: `http://127.0.0.1:${await freePort()}` } });
	assertDone(done, 1, ["could not be reached", "(upstream_error)", "endpoint"]);
});

test("the agent fails in mid-stream: what it said remains", async () => {
	for (const mode of ["midthrow-py", "midthrow-ts"]) {
		const done = await invoke([`[[${mode}]]`]);
		assertDone(done, 1, ["The agent failed. (agent_failed)"]);
		assert.match(done.out, /^(\[t:\d+:0\] \[t:\d+:1\] |one two )$/);
		assert.match(done.err, MINTED);
	}
	for (const mode of ["cut", "reset"])
		assertDone(await invoke([`[[${mode}]]`]), 1, ["broke off", "(upstream_error)"]);
	assertDone(await invoke(["[[empty]]"]), 1, ["without an answer"]);
});

test("an answer without any text says so", async () => {
	const data = Buffer.from('data: {"type": "status"}\n\n').toString("base64");
	const done = await invoke([`[[raw b64=${data}]]`]);
	assertDone(done, 0, ["no text in the answer (events: 1)"]);
	assert.equal(done.out, "");
});

test("time limits", async () => {
	const ask = (keys, prompt) => invoke(["-c", configured({}, keys), prompt]);
	assertDone(await ask({ first_byte_timeout: "300ms" }, "[[never]]"), 1,
		["in time", "(upstream_timeout)", "first_byte_timeout"]);
	const idle = await ask({ idle_timeout: "300ms" }, "[[silence]]");
	assertDone(idle, 1, ["(upstream_timeout)", "idle_timeout"]);
	assert.match(idle.out, /^\[t:\d+:0\] $/);
	assertDone(await ask({ total_timeout: "500ms" }, "[[sse n=1000 t=50]]"), 1,
		["longer than is allowed", "total_timeout"]);
});

// Whoever pages through an answer is not the agent's silence.
test("a reader that waits is no time limit", async () => {
	const file = configured({}, { idle_timeout: "500ms" });
	const done = await asked(["sh", "-c",
		`{ "$0" invoke -c "$1" "[[flood mb=2]]"; echo $? >&2; } | { sleep 2; wc -c; }`,
		AGENTCGI, file]);
	assertDone(done, 0);
	assert.match(done.err, /^0$/m);
	assert.ok(Number(done.out) > 1_900_000, done.out);
});

test("a reader that leaves ends it, in silence", async () => {
	const done = await asked(["sh", "-c",
		`{ "$0" invoke --session ${SESSION} "[[flood]]"; echo $? >&2; } | head -c 5`, AGENTCGI]);
	assert.equal(done.out, "xxxxx");
	assert.equal(done.err, "1\n");
	const full = await asked(["sh", "-c", '"$0" invoke hi >/dev/full', AGENTCGI]);
	assertDone(full, 1, ["cannot write: "]);
});

test("SIGINT ends it, and the connection", async () => {
	const process = start([AGENTCGI, "invoke", "[[silence stream=left]]"],
		{ env: environment() });
	await until(() => process.out() !== "", "text");
	process.kill("SIGINT");
	assert.deepEqual(await process.exited, { code: null, signal: "SIGINT" });
	await until(async () => (await upstream.stats()).streams
		.some((s) => s.stream === "left" && s.ended === "peer"), "the agent to be told");
});

test("what is no terminal gets the text as it is", async () => {
	const odd = "a\u001b[31mb\u0007\u009bc\u007f\r\td\ne 日本";
	const data = Buffer.from(`data: ${JSON.stringify(odd)}\n\n`).toString("base64");
	assert.equal((await invoke([`[[raw b64=${data}]]`])).out, odd);
});

test("secrets stay out of it at every level but debug", async () => {
	const quiet = await invoke(["-c", configured({ log_level: "info" }), "[[status code=403]]"]);
	assertDone(quiet, 1, ["upstream answered 403 AccessDeniedException"]);
	const loud = await invoke(["-c", configured({ log_level: "debug" }), "[[midthrow-py]]"]);
	assert.equal(loud.code, 1);
	assert.ok(loud.err.includes("zebrawords"), loud.err);
	assert.ok(!(loud.out + loud.err).includes(CREDENTIALS.secretAccessKey));
});

await run(stopAll);
