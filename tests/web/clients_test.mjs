// The clients people use: curl, npm eventsource, fetch with npm
// eventsource-parser; and the real agent of AWS's SDK behind it all.

import { EventSource } from "eventsource";
import { EventSourceParserStream } from "eventsource-parser/stream";
import { startUpstream } from "../upstream/upstream.mjs";
import { FRONTS, lazyBed, spawnAgent } from "../lib/servers.mjs";
import { assertClean, assertFailedStream, assertRefused, assertStream } from "../lib/check.mjs";
import { runToEnd, start as startProcess, stopAll, until } from "../lib/proc.mjs";
import { assert, run, test } from "../lib/tap.mjs";

const agent = await spawnAgent();
const upstream = await startUpstream({ agentUrl: agent.url });

for (const front of FRONTS) {
	const start = lazyBed({ front, upstream });

	test(`${front}: curl -N shows events as they are made`, async () => {
		const bed = await start();
		const name = `curl-${front}`;
		const curl = startProcess(["curl", "-sN", "-d",
			`prompt=[[sse n=3 gate stream=${name}]]`, `${bed.url}/invoke`]);
		for (let i = 0; i < 3; i++) {
			await upstream.go(name);
			await until(() => curl.out().includes(`:${i}] `), `event ${i}`);
			assert.ok(!curl.out().includes(`:${i + 1}] `));
		}
		assert.deepEqual(await curl.exited, { code: 0, signal: null });
		assert.match(curl.out(), /event: ?done\ndata: ?\{"reason": ?"complete"\}/);
	});

	test(`${front}: curl in its plain ways`, async () => {
		const bed = await start();
		for (const args of [
			["-d", "prompt=Hello you"],
			["-F", "prompt=Hello you"],
			["-H", "Content-Type: application/json", "-d", '{"prompt":"Hello you"}'],
			["-H", "Content-Type: text/plain", "--data-binary", "Hello you"],
			["-G", "--data-urlencode", "prompt=Hello you"],
			["-H", "Content-Type: application/json", "-H", "Transfer-Encoding: chunked",
				"-d", '{"prompt":"Hello you"}'],
			["--http1.0", "-d", "prompt=Hello you"],
			["--compressed", "-d", "prompt=Hello you"],
		]) {
			const done = await runToEnd(["curl", "-sN", "--fail", ...args, `${bed.url}/invoke`]);
			assert.equal(done.code, 0, args.join(" "));
			assert.match(done.out, /data: "Hello "\n[^]*data: "you"\n[^]*event: ?done/, args.join(" "));
		}
	});

	test(`${front}: npm eventsource over GET`, async () => {
		const bed = await start();
		const name = `es-${front}`;
		const source = new EventSource(
			`${bed.url}/invoke?prompt=${encodeURIComponent(`[[sse n=3 gate stream=${name}]]`)}`);
		const said = [];
		let session;
		source.onmessage = (e) => said.push(e);
		source.addEventListener("session", (e) => (session = JSON.parse(e.data)));
		const done = new Promise((resolve, reject) => {
			source.addEventListener("done", (e) => resolve(JSON.parse(e.data)));
			source.onerror = (e) => reject(new Error(e.message ?? "error event"));
		});
		done.catch(() => {});
		try {
			for (let i = 0; i < 3; i++) {
				await upstream.go(name);
				await until(() => said.length === i + 1, `event ${i}`);
			}
			assert.deepEqual(await done, { reason: "complete" });
		} finally {
			source.close();
		}
		assert.ok(session.sessionId && session.runId);
		assert.ok(said.every((e, i) => JSON.parse(e.data).includes(`:${i}] `)));
		assert.ok(said.every((e) => e.lastEventId !== ""));
	});

	test(`${front}: an EventSource that reconnects after done runs nothing again`, async () => {
		const bed = await start();
		await upstream.reset();
		const source = new EventSource(`${bed.url}/invoke?prompt=once`);
		const states = [];
		source.onerror = () => states.push(source.readyState);
		source.addEventListener("done", () => states.push("done"));
		try {
			// It is not closed at done: it comes back, with Last-Event-ID, and
			// is told by 204 that there is nothing more.
			await until(() => states.includes(EventSource.CLOSED), "it to give up", 60_000);
		} finally {
			source.close();
		}
		assert.equal(states.filter((s) => s === "done").length, 1);
		assert.equal((await upstream.requests()).length, 1);
	});

	test(`${front}: fetch with eventsource-parser`, async () => {
		const bed = await start();
		const answer = await fetch(`${bed.url}/invoke`, {
			method: "POST",
			headers: { "content-type": "application/json", accept: "text/event-stream" },
			body: JSON.stringify({ prompt: "[[jp]]" }),
		});
		const events = [];
		for await (const e of answer.body.pipeThrough(new TextDecoderStream())
			.pipeThrough(new EventSourceParserStream()))
			events.push(e);
		assert.equal(events[0].event, "session");
		assert.equal(events.at(-1).event, "done");
		assert.equal(events.filter((e) => e.event === undefined).length, 14);
	});

	test(`${front}: the real agent speaks`, async () => {
		const bed = await start();
		const words = await bed.answer("[[agent]] Hello 世界, one two");
		assertStream(words);
		assert.deepEqual(words.said.map((e) => e.data),
			["[[agent]] ", "Hello ", "世界, ", "one ", "two"]);
		const lines = await bed.answer("[[agent do=lines]]");
		assertStream(lines);
		assert.deepEqual(lines.said.map((e) => e.data), ["two\nlines", " leading", "",
			"tail\n\n", "data: fake", "event: error"]);
		const dict = await bed.answer("[[agent do=dict]]");
		assertStream(dict, "complete");
		assert.deepEqual(dict.events.slice(1, -1).map((e) => [e.event, JSON.parse(e.data)]), [
			[undefined, { text: "甲" }], [undefined, { type: "status", message: "thinking" }],
			["message", { text: "乙🎉" }], [undefined, 42]]);
		const json = await bed.answer("[[agent do=json]]");
		assertStream(json);
		const result = JSON.parse(json.said.map((e) => e.data).join("\n"));
		assert.equal(result.session, json.data("session").sessionId);
		const text = await bed.answer("[[agent do=text]]");
		assertStream(text);
		assert.match(text.said.map((e) => e.data).join(""), /plain string answer こんにちは/);
	});

	test(`${front}: the real agent fails`, async () => {
		const bed = await start();
		assertFailedStream(await bed.answer("[[agent do=midthrow]]"), "agent_failed");
		assertRefused(await bed.answer("[[agent do=throw]]"), 502, "agent_failed");
		assertClean(bed.log(), "the log", ["zebrawords", "arn:aws"]);
	});

	test(`${front}: the real agent as JSON and as text`, async () => {
		const bed = await start();
		const json = await bed.answer("[[agent]] Hello 世界", { headers: { accept: "application/json" } });
		assert.equal(json.json().text, "[[agent]] Hello 世界");
		const text = await bed.answer("[[agent do=lines]]", { headers: { accept: "text/plain" } });
		assert.equal(text.text, "two\nlines leadingtail\n\ndata: fakeevent: error");
	});
}

await run(stopAll);
