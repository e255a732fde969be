// What comes out: framing, order and times of the events, the other forms of
// an answer, the headers; through every web server.

import { JP } from "../upstream/answers.mjs";
import { ALL_FRONTS, frontOf, lazyBed } from "../lib/servers.mjs";
import { assertClean, assertRefused, assertStream, visible } from "../lib/check.mjs";
import { stopAll, until } from "../lib/proc.mjs";
import { assert, run, test } from "../lib/tap.mjs";

const SESSION_HEADER = "x-amzn-bedrock-agentcore-runtime-session-id";
const b64 = (...parts) => parts.map((p) => Buffer.from(p).toString("base64")).join();

// The stream's blocks that are the agent's, as they stand on the wire.
function agentBlocks(text) {
	return text.split("\n\n").filter((block) => block !== ""
		&& !/^(event: ?(session|error|done)$)/m.test(block)
		&& !block.split("\n").every((line) => line.startsWith(":") || line === ""));
}

const jsonStrings = (reply) => reply.said.map((e) => JSON.parse(e.data));

for (const front of ALL_FRONTS) {
	const start = lazyBed({ front });

	test(`${front}: comment, session, the agent's events, done`, async () => {
		const bed = await start();
		const reply = await bed.answer("Hello 世界, one two");
		assertStream(reply);
		assert.deepEqual(jsonStrings(reply), ["Hello ", "世界, ", "one ", "two"]);
		assert.deepEqual(Object.keys(reply.data("session")).sort(), ["runId", "sessionId"]);
		assert.deepEqual(reply.events.map((e) => e.event),
			["session", undefined, undefined, undefined, undefined, "done"]);
		assert.ok(reply.text.endsWith("\n\n"));
	});

	test(`${front}: the headers of a stream`, async () => {
		const bed = await start();
		const name = `headers-${front}`;
		// Not ended yet: a server may count the bytes of a short answer.
		const reply = await bed.ask(`[[sse n=1 gate stream=${name}]]`);
		await reply.until(() => reply.named("session").length === 1, "the session event");
		await bed.upstream.go(name);
		assert.equal(reply.headers["content-type"], "text/event-stream; charset=utf-8");
		assert.equal(reply.headers["cache-control"], "no-cache, no-transform");
		if (frontOf(front).server !== "nginx") // which takes it as said to itself
			assert.equal(reply.headers["x-accel-buffering"], "no");
		assert.equal(reply.headers.incremental, "?1");
		assert.equal(reply.headers[SESSION_HEADER], reply.data("session").sessionId);
		assert.match(reply.headers["x-request-id"], /^[A-Za-z0-9._-]{8,64}$/);
		if (frontOf(front).server !== "caddy") // which passes it on
			assert.equal(reply.headers.status, undefined);
		for (const field of ["content-length", "content-encoding", "x-powered-by",
			"x-amzn-requestid"])
			assert.equal(reply.headers[field], undefined, field);
		await reply.ended;
	});

	test(`${front}: byte for byte, each with our id as its last line`, async () => {
		const bed = await start();
		const events = [
			'data: "quoted \\" and \\n"',
			"data: two\ndata: lines",
			"event: message\ndata: {\"text\":\"天気 🌤\"}",
			"data:no blank",
			"data:  two blanks",
			"data: ",
			"data",
			"data: data: fake",
			"data: event: error",
			"data: x\nretry: 1000",
			"unknown: field\ndata: y",
			'data: {"data":{"error_free": true}, "a": 1.0}',
		];
		const reply = await bed.answer(`[[raw b64=${b64(...events.map((e) => `${e}\n\n`))}]]`);
		assertStream(reply);
		const blocks = agentBlocks(reply.text);
		assert.equal(blocks.length, events.length, reply.text);
		const ids = blocks.map((block, i) => {
			const lines = block.split("\n");
			const id = lines.pop();
			assert.equal(lines.join("\n"), events[i]);
			assert.match(id, /^id: ?\S+$/);
			return id;
		});
		assert.equal(new Set(ids).size, ids.length);
	});

	test(`${front}: an id of the agent's does not stand for ours`, async () => {
		const bed = await start();
		const reply = await bed.answer(
			`[[raw b64=${b64("id: 7\ndata: a\n\n", "data: b\nid: 7\n\n", "data: c\n\n")}]]`);
		assertStream(reply);
		assert.deepEqual(reply.said.map((e) => e.data), ["a", "b", "c"]);
		assert.equal(new Set(reply.said.map((e) => e.id)).size, 3, reply.text);
	});

	test(`${front}: line ends CR LF and CR, comments, a BOM, odd cuts`, async () => {
		const bed = await start();
		for (const eol of ["lf", "crlf", "cr"]) {
			const reply = await bed.answer(`[[sse n=3 tag=x eol=${eol}]]`);
			assertStream(reply, "complete", eol);
			assert.equal(reply.said.length, 3, `${eol}: ${JSON.stringify(reply.text)}`);
			for (const [i, text] of jsonStrings(reply).entries())
				assert.match(text, new RegExp(`^\\[t:\\d+:${i}\\] x $`));
		}
		const commented = await bed.answer("[[comments n=3]]");
		assertStream(commented);
		assert.equal(commented.said.length, 3);
		const marked = await bed.answer(`[[raw b64=${b64("\ufeffdata: a\n\n", "data: b\n\n")}]]`);
		assertStream(marked);
		assert.deepEqual(marked.said.map((e) => e.data), ["a", "b"]);
		const cut = await bed.answer(
			`[[raw b64=${b64("da", "ta: one\n", "\ndata: two\n\ndata: thr", "ee\r", "\n\r", "\n")}]]`);
		assertStream(cut);
		assert.deepEqual(cut.said.map((e) => e.data), ["one", "two", "three"]);
	});

	test(`${front}: many bytes to a character, written byte by byte`, async () => {
		const bed = await start();
		const reply = await bed.answer("[[jp split]]");
		assertStream(reply);
		assert.deepEqual(jsonStrings(reply), JP);
	});

	test(`${front}: one by one, each as soon as it is made`, async () => {
		const bed = await start();
		const name = `one-${front}`;
		const reply = await bed.ask(`[[sse n=5 gate stream=${name}]]`);
		await reply.until(() => reply.named("session").length === 1, "the session event");
		for (let i = 0; i < 5; i++) {
			// The upstream makes no event before it is told to.
			assert.equal(reply.said.length, i);
			await bed.upstream.go(name);
			await reply.spoken(i + 1);
			const [, made] = /^\[t:(\d+):/.exec(JSON.parse(reply.said[i].data));
			assert.ok(reply.said[i].at >= Number(made));
		}
		assertStream(await reply.ended);
	});

	test(`${front}: the TypeScript SDK's raw text, dictionaries, a big event`, async () => {
		const bed = await start();
		const ts = await bed.answer("[[ts n=3]]");
		assertStream(ts);
		assert.match(ts.said[2].data, /^\[t:\d+:2\] $/);
		const dict = await bed.answer("[[dict]]");
		assertStream(dict);
		assert.deepEqual(jsonStrings(dict), [{ text: "甲" }, { type: "status", message: "thinking" },
			{ text: "乙🎉" }, ["list", 1], 42, true]);
		const big = await bed.answer("[[big k=1024]]");
		assertStream(big);
		const text = JSON.parse(big.said[0].data);
		const words = text.trimEnd().split(" ");
		assert.ok(words.every((word, i) => word === `${i}あ`));
		assert.ok(text.length >= 1024 * 1024);
	});

	test(`${front}: an answer that is no stream arrives in one`, async () => {
		const bed = await start();
		const json = await bed.answer("[[json]]");
		assertStream(json);
		assert.deepEqual(JSON.parse(json.said.map((e) => e.data).join("\n")),
			{ result: "JSON answer こんにちは 🎉" });
		const mislabelled = await bed.answer("[[mislabelled]]");
		assertStream(mislabelled);
		assert.match(mislabelled.said.map((e) => e.data).join(""), /plain string answer こんにちは/);
		const text = await bed.answer("[[text]]");
		assertStream(text);
		assert.match(text.said.map((e) => e.data).join("\n"),
			/plain string answer こんにちは[\s\S]*second line/);
		const eof = await bed.answer("[[eof n=2]]");
		assertStream(eof);
		assert.equal(eof.said.length, 2);
	});

	test(`${front}: slow text streams as it is made`, async () => {
		const bed = await start();
		const name = `slow-${front}`;
		const reply = await bed.ask(`[[text-slow n=3 gate stream=${name}]]`);
		for (let i = 0; i < 3; i++) {
			await bed.upstream.go(name);
			await reply.until(() => reply.said.map((e) => e.data).join("").includes(`piece ${i}`),
				`piece ${i}`);
		}
		assertStream(await reply.ended);
		assert.match(reply.said.map((e) => e.data).join(""), /piece 2 ÄÖ/);
	});

	test(`${front}: Accept: application/json gives one object`, async () => {
		const bed = await start();
		for (const [prompt, text] of [["Hello 世界, one", "Hello 世界, one"], ["[[jp]]", JP.join("")],
			["[[text]]", "plain string answer こんにちは\nsecond line"]]) {
			const reply = await bed.answer(prompt, { headers: { accept: "application/json" } });
			assert.equal(reply.status, 200, reply.text);
			assert.match(reply.headers["content-type"], /^application\/json\b/);
			assert.equal(reply.headers["cache-control"]?.includes("no-cache")
				|| reply.headers["cache-control"]?.includes("no-store"), true);
			const body = reply.json();
			assert.deepEqual(Object.keys(body).sort(), ["reason", "runId", "sessionId", "text"]);
			assert.equal(body.text, text);
			assert.equal(body.reason, "complete");
			assertClean(visible(reply), "the JSON answer");
		}
	});

	test(`${front}: a failed run asked for as JSON has its true status`, async () => {
		const bed = await start();
		const accept = { headers: { accept: "application/json" } };
		assertRefused(await bed.answer("[[midthrow-py]]", accept), 502, "agent_failed");
		assertRefused(await bed.answer("[[cut]]", accept), 502, "upstream_error");
		assertRefused(await bed.answer("[[status code=429]]", accept), 503, "upstream_throttled");
	});

	test(`${front}: Accept: text/plain gives the text alone, streamed`, async () => {
		const bed = await start();
		const name = `plain-${front}`;
		// Some servers hold the header until there is text.
		const asked = bed.ask(`[[sse n=3 tag=€ gate stream=${name}]]`,
			{ headers: { accept: "text/plain" } });
		await bed.upstream.go(name);
		const reply = await asked;
		for (let i = 0; i < 3; i++) {
			if (i > 0)
				await bed.upstream.go(name);
			await reply.until(() => reply.text.includes(`:${i}] € `), `tick ${i}`);
			assert.ok(!reply.text.includes(`:${i + 1}] `));
		}
		await reply.ended;
		assert.match(reply.headers["content-type"], /^text\/plain; ?charset=utf-8$/i);
		assert.match(reply.text, /^\[t:\d+:0\] € \[t:\d+:1\] € \[t:\d+:2\] € $/);
		assert.equal(reply.cut, false);
		assert.match(reply.headers[SESSION_HEADER], /^.{33,100}$/);
	});

	test(`${front}: what Accept says is followed`, async () => {
		const bed = await start();
		for (const [accept, type] of [
			[undefined, "text/event-stream"],
			["*/*", "text/event-stream"],
			["text/event-stream", "text/event-stream"],
			["text/event-stream, application/json", "text/event-stream"],
			["application/json;q=0.5, text/event-stream", "text/event-stream"],
			["application/json, text/event-stream;q=0.5", "application/json"],
			["application/json, */*;q=0.1", "application/json"],
			["TEXT/PLAIN", "text/plain"],
			["image/png", "text/event-stream"],
		]) {
			const reply = await bed.answer("hi", { headers: { ...(accept && { accept }) } });
			assert.equal(reply.status, 200);
			assert.ok(reply.headers["content-type"].startsWith(type),
				`${accept}: ${reply.headers["content-type"]}`);
		}
	});

	test(`${front}: the session goes on over turns`, async () => {
		const bed = await start();
		const first = await bed.answer("one");
		const { sessionId } = first.data("session");
		const second = await bed.answer("two", { sessionId });
		assert.equal(second.data("session").sessionId, sessionId);
		assert.notEqual(second.data("session").runId, first.data("session").runId);
		const requests = await bed.upstream.requests();
		assert.deepEqual(requests.slice(-2).map((r) => r.headers[SESSION_HEADER]),
			[sessionId, sessionId]);
	});

	test(`${front}: a request's id is ours, and in the log`, async () => {
		const bed = await start();
		const reply = await bed.answer("[[status code=403]]");
		const id = reply.headers["x-request-id"];
		assert.ok(id);
		if (frontOf(front).kind === "service")
			await until(() => bed.log().includes(id), "the id in the log");
	});
}

await run(stopAll);
