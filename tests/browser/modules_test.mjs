// The page's modules that need no page: the stream's parser, at every split
// point, and what text an event carries.

import fs from "node:fs";
import { assert, run, test } from "../lib/tap.mjs";

// As a browser would, whatever this Node takes a .js file for.
function load(name) {
	const source = fs.readFileSync(
		new URL(`../../htdocs/${name}`, import.meta.url), "utf8");
	return import(`data:text/javascript,${encodeURIComponent(source)}`);
}

const { readEvents, SseParser } = await load("sse.js");
const { TextReader } = await load("text.js");
const { chooseLanguage, wordsOf } = await load("words.js");

/* --- sse.js --- */

const STREAM = [
	": a comment",
	"",
	"event: session",
	'data: {"sessionId":"s"}',
	"id: 1",
	"",
	"data: こんにちは 🌏",
	"data:second: line",
	"data",
	"unknown: field",
	"id: 2",
	"",
	"event: nothing, for it has no data",
	"",
	"data:  two blanks",
	"id: with\0nul",
	"retry: 10",
	"",
	"data:",
	"",
	"data: never ended",
].join("\n");

const EVENTS = [
	{ name: "session", data: '{"sessionId":"s"}', id: "1" },
	{ name: "message", data: "こんにちは 🌏\nsecond: line\n", id: "2" },
	{ name: "message", data: " two blanks", id: "2" },
	{ name: "message", data: "", id: "2" },
];

function streamOf(chunks) {
	return new ReadableStream({
		start(controller) {
			chunks.forEach((chunk) => controller.enqueue(chunk));
			controller.close();
		},
	});
}

async function eventsOf(chunks) {
	const events = [];
	for await (const event of readEvents(streamOf(chunks)))
		events.push(event);
	return events;
}

for (const [name, eol] of [["LF", "\n"], ["CRLF", "\r\n"], ["CR", "\r"]]) {
	for (const bom of ["", "\ufeff"]) {
		const bytes = new TextEncoder().encode(
			bom + STREAM.replaceAll("\n", eol));
		const what = name + (bom ? " after a byte order mark" : "");

		test(`sse.js: ${what}, every two pieces`, async () => {
			for (let i = 0; i <= bytes.length; i++)
				assert.deepEqual(
					await eventsOf([bytes.slice(0, i), bytes.slice(i)]),
					EVENTS, `split at ${i}`);
		});
		test(`sse.js: ${what}, byte by byte`, async () => {
			assert.deepEqual(
				await eventsOf([...bytes].map((b) => Uint8Array.of(b))),
				EVENTS);
		});
	}
}

test("sse.js: every three pieces of a few line ends", async () => {
	const text = "data: a\r\n\r\ndata: b\r\rdata: c\n\n";
	const whole = new SseParser().push(text);
	assert.deepEqual(whole.map((e) => e.data), ["a", "b", "c"]);
	for (let i = 0; i <= text.length; i++) {
		for (let j = i; j <= text.length; j++) {
			const parser = new SseParser();
			assert.deepEqual([
				...parser.push(text.slice(0, i)),
				...parser.push(text.slice(i, j)),
				...parser.push(text.slice(j)),
			], whole, `split at ${i} and ${j}`);
		}
	}
});

test("sse.js: an event comes with the byte that ends it", () => {
	for (const eol of ["\n", "\r", "\r\n"]) {
		const parser = new SseParser();
		assert.deepEqual(parser.push(`data: now${eol}`), []);
		assert.equal(parser.push(eol.slice(0, 1)).length, 1);
	}
});

test("sse.js: only the first byte order mark is one", async () => {
	const bytes = new TextEncoder().encode(
		"data: a\n\n\ufeffdata: b\n\ndata: \ufeffc\n\n");
	assert.deepEqual((await eventsOf([bytes])).map((e) => e.data),
		["a", "\ufeffc"]);
});

test("sse.js: bytes that are no UTF-8 do not end the stream", async () => {
	const bytes = Buffer.from("data: a\xffb\n\n", "latin1");
	assert.deepEqual((await eventsOf([bytes])).map((e) => e.data),
		["a\ufffdb"]);
});

test("sse.js: an event of 5 MB in pieces of 16 K", async () => {
	const bytes = new TextEncoder().encode(`data: ${"あ".repeat(5e6 / 3)}\n\n`);
	const chunks = [];
	for (let i = 0; i < bytes.length; i += 16384)
		chunks.push(bytes.slice(i, i + 16384));
	const [event] = await eventsOf(chunks);
	assert.equal(event.data.length, Math.ceil(5e6 / 3) - 1);
});

test("sse.js: leaving the loop cancels the stream", async () => {
	let cancelled = false;
	const stream = new ReadableStream({
		pull(controller) {
			controller.enqueue(new TextEncoder().encode("data: a\n\n"));
		},
		cancel() {
			cancelled = true;
		},
	});
	for await (const event of readEvents(stream)) {
		assert.equal(event.data, "a");
		break;
	}
	assert.ok(cancelled);
});

test("sse.js: a broken stream throws", async () => {
	let pulls = 0;
	const stream = new ReadableStream({
		pull(controller) {
			if (pulls++)
				controller.error(new TypeError("network error"));
			else
				controller.enqueue(new TextEncoder().encode("data: a\n\n"));
		},
	});
	const said = [];
	await assert.rejects(async () => {
		for await (const event of readEvents(stream))
			said.push(event.data);
	}, TypeError);
	assert.deepEqual(said, ["a"]);
});

/* --- text.js --- */

const json = JSON.stringify;

/* The events' data, and the text they make. */
const SAYINGS = {
	"Python strings": ['"こん"', '"にちは\\n"', '""', '"!"'],
	"raw text": ["one ", "two\nlines", " ", "", "\n", "three"],
	"raw words that are JSON": ["In ", " 2024", ", ", "true", " or ", '"x"'],
	"numbers, truth and null": ["42", "null", "true"],
	"text and data": [json({ text: "a" }), json({ data: "b" }),
		json({ content: "c" }), json({ delta: "d" }), json({ response: "e" })],
	"states are no text": [json({ type: "status", message: "working" }),
		json({ text: "甲" }), json({ type: "status", message: "done" }),
		json(["list", 1]), json({ metrics: { text: "no" } })],
	"Converse": [
		json({ messageStart: { role: "assistant" } }),
		json({ contentBlockDelta: { contentBlockIndex: 0, delta: { text: "Hi" } } }),
		json({ contentBlockDelta: { delta: { reasoningContent: { text: "hm" } } } }),
		json({ contentBlockDelta: { delta: { toolUse: { input: "{}" } } } }),
		json({ contentBlockIndex: 0, delta: { text: " you" } }),
		json({ messageStop: { stopReason: "end_turn" } })],
	"Strands": [
		json({ init_event_loop: true }),
		json("{'agent': <strands.Agent object at 0x7f>, 'data': 'no'}"),
		json({ event: { messageStart: { role: "assistant" } } }),
		json({ event: { contentBlockDelta: { delta: { text: "Hi" } } } }),
		json({ data: "Hi", delta: { text: "Hi" } }),
		json("{'data': 'Hi', 'delta': {'text': 'Hi'}}"),
		json({ event: { contentBlockDelta: { delta: { text: " you" } } } }),
		json({ data: " you", delta: { text: " you" } }),
		json({ message: { role: "assistant", content: [{ text: "Hi you" }] } }),
		json({ result: "AgentResult(…)" })],
	"Strands without deltas": [
		json({ message: { role: "user", content: [{ toolResult: {} }] } }),
		json({ message: { role: "assistant",
			content: [{ text: "Hi" }, { toolUse: {} }, { text: " you" }] } }),
		json({ result: { message: { content: [{ text: "Hi you" }] } } })],
	"LangGraph": [
		json([{ type: "AIMessageChunk", content: "Hi" }, { step: 1 }]),
		json([{ type: "AIMessageChunk",
			content: [{ type: "text", text: " you" }] }, { step: 1 }]),
		json([{ type: "tool", content: "no" }, {}]),
		json({ messages: [{ type: "human", content: "no" },
			{ type: "ai", content: "Hi you" }] })],
	"AG-UI": [
		json({ type: "RUN_STARTED", runId: "r" }),
		json({ type: "TEXT_MESSAGE_CONTENT", delta: "Hi" }),
		json({ type: "TOOL_CALL_ARGS", delta: "{" }),
		json({ type: "TEXT_MESSAGE_CHUNK", delta: " you" }),
		json({ type: "RUN_FINISHED", result: "no" })],
	"OpenAI chunks": [
		json({ choices: [{ delta: { role: "assistant", content: "" } }] }),
		json({ choices: [{ delta: { content: "Hi" } }] }),
		json({ choices: [{ delta: { content: " you" } }] }),
		json({ choices: [{ delta: { content: null }, finish_reason: "stop" }] }),
		json({ choices: [], usage: {} }),
		"[DONE]"],
	"OpenAI responses": [
		json({ type: "response.created", response: {} }),
		json({ type: "response.output_text.delta", delta: "Hi you" }),
		json({ type: "response.output_text.done", text: "Hi you" })],
	"Anthropic": [
		json({ type: "message_start", message: { role: "assistant", content: [] } }),
		json({ type: "content_block_delta",
			delta: { type: "text_delta", text: "Hi you" } }),
		json({ type: "content_block_delta",
			delta: { type: "thinking_delta", thinking: "hm" } })],
	"an answer in one document": [json({ result: "Hi you" })],
	"a completion in one document": [
		json({ choices: [{ message: { role: "assistant", content: "Hi you" } }] })],
	"an unknown document is its own text": ['{"sum": 42}'],
	"of two unknown ones, neither": ['{"sum": 42}', '{"sum": 43}'],
	"errors are no text": [json("a"), json({ error: "x", message: "y" })],
	"broken shapes": ["[]", "[null]", "[[]]", "{}",
		json({ event: {} }), json({ event: { contentBlockDelta: null } }),
		json({ contentBlockDelta: {} }), json({ choices: null }),
		json({ choices: [null] }), json({ data: null }), json({ delta: null }),
		json({ message: null }), json({ content: [null, 1] }),
		json({ messages: [] }), json({ type: 1 }), json({ result: [null] })],
};
const TEXTS = {
	"Python strings": "こんにちは\n!",
	"raw text": "one two\nlines \nthree",
	"raw words that are JSON": 'In  2024, true or "x"',
	"numbers, truth and null": "42true",
	"text and data": "abcde",
	"states are no text": "甲",
	"an unknown document is its own text": '{"sum": 42}',
	"of two unknown ones, neither": "",
	"errors are no text": "a",
	"broken shapes": "",
};

for (const [name, events] of Object.entries(SAYINGS)) {
	test(`text.js: ${name}`, () => {
		const reader = new TextReader();
		const text = events.map((data) => reader.read(data)).join("");
		assert.equal(text + reader.end(), TEXTS[name] ?? "Hi you");
	});
}

/* --- words.js --- */

test("words.js: the reader's first language that there is", () => {
	assert.equal(chooseLanguage(["de", "ja-JP", "en"]), "ja");
	assert.equal(chooseLanguage(["en-GB", "ja"]), "en");
	assert.equal(chooseLanguage(["fr", "constructor"]), "en");
	assert.equal(chooseLanguage([]), "en");
});

test("words.js: both languages say the same things", () => {
	const en = wordsOf("en");
	const ja = wordsOf("ja");
	assert.deepEqual(Object.keys(ja), Object.keys(en));
	for (const key of Object.keys(en))
		assert.equal(typeof ja[key], typeof en[key], key);
});

test("words.js: every code of the contract's table is in Japanese", () => {
	const source = fs.readFileSync(
		new URL("../../src/status.c", import.meta.url), "utf8");
	const known = Object.keys(wordsOf("ja").codes);
	const codes = [...source.matchAll(/\.code = "([a-z_]+)"/g)]
		.map(([, code]) => code)
		.filter((code) => !["ok", "more", "client_gone"].includes(code));
	assert.ok(codes.length > 10, "src/status.c has its table");
	for (const code of codes)
		assert.ok(known.includes(code), code);
});

await run();
