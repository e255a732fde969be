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
const { wordsOf: selftestWordsOf } = await load("selftest-words.js");
const { BLOCK_SHARE, chooseApi, classify, frontOf, HELD_SHARE, ON_TIME_MS,
	ownError, timesOf } = await load("selftest-verdict.js");
const { reportOf } = await load("selftest-report.js");

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

function assertSameWords(en, ja, except = []) {
	assert.deepEqual(Object.keys(ja), Object.keys(en));
	for (const key of Object.keys(en)) {
		assert.equal(typeof ja[key], typeof en[key], key);
		if (typeof en[key] === "object" && !except.includes(key))
			assertSameWords(en[key], ja[key]);
	}
}

test("words.js: both languages say the same things", () => {
	assertSameWords(wordsOf("en"), wordsOf("ja"), ["codes"]);
	assertSameWords(selftestWordsOf("en"), selftestWordsOf("ja"));
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

/* --- selftest-verdict.js --- */

const PAGE = "https://example.org/agentcgi/selftest.html";

for (const [query, api, rejected] of [
	["", "/api/", ""],
	["?api=/x/", "/x/", ""],
	["?api=/cgi-bin/agentcgi", "/cgi-bin/agentcgi/", ""],
	["?api=/a/../b/?c=1%23d", "/b/", ""],
	["?api=/a%20b/", "/a%20b/", ""],
	["?other=1", "/api/", ""],
	["?api=", "/api/", ""],
	["?api=x/", "/api/", "x/"],
	["?api=https://example.org/x/", "/api/", "https://example.org/x/"],
	["?api=//evil.example/", "/api/", "//evil.example/"],
	["?api=/\\evil.example/", "/api/", "/\\evil.example/"],
	["?api=/%09/evil.example/", "/api/", "/\t/evil.example/"],
	["?api=//[", "/api/", "//["],
	["?api=javascript:alert(1)", "/api/", "javascript:alert(1)"],
]) {
	test(`selftest-verdict.js: the address by "${query}"`, () => {
		assert.deepEqual(chooseApi(PAGE + query, "../api/"),
			{ api: `https://example.org${api}`, rejected });
	});
}

test("selftest-verdict.js: the page's own address, elsewhere", () => {
	assert.equal(chooseApi("http://h:8080/selftest.html", "../api/").api,
		"http://h:8080/api/");
	assert.equal(chooseApi(PAGE, "agentcgi.cgi/").api,
		"https://example.org/agentcgi/agentcgi.cgi/");
});

/* Ticks 300 ms apart, each that late; the browser's clock runs ahead. */
const ticksOf = (lates) => lates.map((late, i) =>
	({ tick: i + 1, sent: 300 * i, arrived: 7_000_000 + 300 * i + late }));
const TEN = Array(10).fill(0);
/* As if flushed with these ticks, the first being 1. */
const flushedAt = (...last) => TEN.map((_, i) =>
	300 * (last.find((tick) => tick > i) - i - 1));

const ADVICE = { stream: "stream", compression: "compression",
	authorization: "authorization" };
const SERVER = { software: "Apache/2.4.71 (Debian)", gateway: "mod_proxy_fcgi",
	protocol: "HTTP/1.1", authorization: false, advice: ADVICE };
const SEEN = {
	asked: "https://example.org/api/selftest",
	address: "https://example.org/api/selftest",
	reached: true, timedOut: false,
	status: 200, isStream: true, type: "text/event-stream; charset=utf-8",
	encoding: "", requestId: "request-1", serverHeader: "", via: "",
	events: 12, server: SERVER, ticks: ticksOf(TEN), done: "complete",
	error: null, failure: null,
	probe: { status: 200, server: { ...SERVER, authorization: true } },
	http: "h2", encodedBytes: 0, decodedBytes: 0,
};
const NOTHING = { server: null, ticks: [], events: 0, done: "", probe: null };
const OURS = { code: "not_found", message: "No.", requestId: "request-1",
	retryable: false };
const lateBy = (...lates) =>
	({ ticks: ticksOf(TEN.map((_, i) => lates[i] ?? 0)) });

const kinds = (found) => found.notes.map((note) => note.kind).join(" ");

/* What was seen, the verdict, and the kinds of notes. */
const VERDICTS = {
	"on time": [{}, "streams", ""],
	"late to the limit": [lateBy(0, ON_TIME_MS), "streams", ""],
	"one too late": [lateBy(0, 0, ON_TIME_MS + 1), "blocks",
		"uneven stream front"],
	"one early makes all others late":
		[lateBy(...TEN.map((_, i) => i === 9 ? 0 : 200)), "blocks",
			"uneven stream front"],
	"a steady delay is none": [lateBy(...TEN.map(() => 5000)), "streams", ""],
	"all at the end": [{ ticks: ticksOf(flushedAt(10)) }, "held",
		"stream front"],
	"two blocks": [{ ticks: ticksOf(flushedAt(5, 10)) }, "blocks",
		"stream front"],
	"nine in the last block": [{ ticks: ticksOf(flushedAt(1, 10)) }, "blocks",
		"stream front"],
	"three together at first": [{ ticks: ticksOf(
		flushedAt(3, 4, 5, 6, 7, 8, 9, 10)) }, "blocks",
	"uneven stream front"],
	"held by mod_fcgid": [{ ticks: ticksOf(flushedAt(10)),
		server: { ...SERVER, gateway: "mod_fcgid" } }, "held",
	"stream sharedHost front"],
	"held, and no advice": [{ ticks: ticksOf(flushedAt(10)),
		server: { ...SERVER, advice: { ...ADVICE, stream: "" } } }, "held",
	"front"],
	"held behind nginx": [{ ticks: ticksOf(flushedAt(10)),
		server: { ...SERVER, software: "nginx/1.22.1" } }, "held",
	"stream frontNginx"],
	"held by another that says so": [{ ticks: ticksOf(flushedAt(10)),
		serverHeader: "cloudflare" }, "held", "stream frontSeen"],
	"held and compressed": [{ ticks: ticksOf(flushedAt(10)),
		encoding: "gzip" }, "held", "compressed stream front"],
	"held and compressed, where one line mends both": [{
		ticks: ticksOf(flushedAt(10)), encoding: "gzip",
		server: { ...SERVER, advice: { ...ADVICE, stream: "compression" } } },
	"held", "compressed front"],
	"compressed": [{ encoding: "br" }, "streams", "compressedStreams"],
	"compressed, by its size": [{ encodedBytes: 400, decodedBytes: 900 },
		"streams", "compressedStreams"],
	"identity is no compression": [{ encoding: "identity" }, "streams", ""],
	"Authorization is lost": [{ probe: { status: 200, server: SERVER } },
		"streams", "authorizationLost"],
	"Authorization is checked": [{ probe: { status: 401, server: null } },
		"streams", "authorizationChecked"],
	"of Authorization nothing known": [{ probe: null }, "streams", ""],
	"no done": [{ done: "" }, "cut", "cut"],
	"no done in time": [{ done: "", timedOut: true }, "cut", "timedOut"],
	"nothing at all in a stream": [NOTHING, "cut", "cut"],
	"done for an error": [{ done: "error", failure: OURS }, "cut",
		"refusedLog"],
	"one tick is no measurement": [{ ticks: ticksOf([0]) }, "cut", "cut"],
	"no answer": [{ ...NOTHING, reached: false, status: 0, isStream: false },
		"unreachable", "unreachable"],
	"no answer in time": [{ ...NOTHING, reached: false, timedOut: true,
		status: 0, isStream: false }, "unreachable", "timedOut"],
	"a foreign stream": [{ ...NOTHING, events: 3 }, "base",
		"baseAlias baseMeta baseQuery"],
	"the web server's page": [{ ...NOTHING, isStream: false }, "base",
		"baseAlias baseMeta baseQuery"],
	"the web server's 404": [{ ...NOTHING, status: 404, isStream: false },
		"base", "baseAlias baseMeta baseQuery"],
	"a redirect": [{ ...NOTHING, isStream: false,
		address: "https://example.org/login" }, "base",
	"baseRedirected baseAlias baseMeta baseQuery"],
	"our 404": [{ ...NOTHING, status: 404, isStream: false, error: OURS },
		"base", "baseMount baseOld"],
	"our 405": [{ ...NOTHING, status: 405, isStream: false, error: OURS },
		"base", "baseMount baseOld"],
	"our 401": [{ ...NOTHING, status: 401, isStream: false, error: OURS },
		"refused", "refusedLog"],
	"our 503": [{ ...NOTHING, status: 503, isStream: false, error: OURS },
		"refused", "refusedLog"],
	"the web server's 401": [{ ...NOTHING, status: 401, isStream: false },
		"refused", "refusedAccess"],
	"the web server's 500": [{ ...NOTHING, status: 500, isStream: false },
		"refused", "refusedOther"],
	"the web server's 502": [{ ...NOTHING, status: 502, isStream: false },
		"refused", "refusedDown"],
};

for (const [name, [seen, verdict, notes]] of Object.entries(VERDICTS)) {
	test(`selftest-verdict.js: ${name}`, () => {
		const found = classify({ ...SEEN, ...seen });
		assert.equal(found.verdict, verdict);
		assert.equal(kinds(found), notes);
		for (const note of found.notes)
			assert.equal(typeof note.line, "string", note.kind);
	});
}

test("selftest-verdict.js: every note has words in both languages", () => {
	for (const language of ["en", "ja"]) {
		const words = selftestWordsOf(language);
		for (const [seen] of Object.values(VERDICTS)) {
			const all = { ...SEEN, ...seen };
			const found = classify(all);
			const told = [words.headlines[found.verdict],
				words.details[found.verdict],
				...found.notes.map((note) => words.notes[note.kind])]
				.map((text, i) => typeof text === "function"
					? text({ ...found, ...found.notes[i - 2] }, all) : text);
			for (const [, value] of words.facts(found, all))
				told.push(`.${value}`);
			for (const text of told)
				assert.match(text,
					/^(?!.*(undefined|null|NaN|\[object|function)).+$/);
		}
	}
	const used = new Set(Object.values(VERDICTS)
		.flatMap(([, , notes]) => notes.split(" ")).filter(Boolean));
	assert.deepEqual(Object.keys(selftestWordsOf("en").notes).sort(),
		[...used].sort());
});

test("selftest-verdict.js: the lines to write", () => {
	const lines = (seen) => classify({ ...SEEN, ...seen }).notes
		.map((note) => note.line);
	const held = { ticks: ticksOf(flushedAt(10)) };
	assert.deepEqual(lines({ ...held, encoding: "gzip" }),
		["compression", "stream", "proxy_buffering off;"]);
	assert.deepEqual(
		lines({ ...held, server: { ...SERVER, gateway: "mod_fcgid" } }),
		["stream", "AddHandler cgi-script .cgi", "proxy_buffering off;"]);
	assert.deepEqual(lines({ ...held, serverHeader: "openresty/1.25" }),
		["stream", "proxy_buffering off;"]);
	assert.deepEqual(lines({ ...held, serverHeader: "cloudflare" }),
		["stream", ""]);
	assert.deepEqual(lines({ probe: { status: 200, server: SERVER } }),
		["authorization"]);
	assert.deepEqual(lines({ ...NOTHING, status: 404, isStream: false,
		error: OURS, asked: "https://example.org/a/b/selftest" }),
	["mount = /a/b", ""]);
});

test("selftest-verdict.js: blocks are counted", () => {
	const blocks = (lates) => timesOf(ticksOf(lates)).blocks;
	assert.equal(blocks(TEN), 10);
	assert.equal(blocks(flushedAt(10)), 1);
	assert.equal(blocks(flushedAt(4, 8, 10)), 3);
	assert.equal(timesOf([]).blocks, 0);
	/* two that come as far apart as the limit are one block */
	const apart = (gap) => timesOf([{ tick: 1, sent: 0, arrived: 0 },
		{ tick: 2, sent: 300, arrived: gap }]).blocks;
	assert.equal(apart(300 * BLOCK_SHARE), 1);
	assert.equal(apart(300 * BLOCK_SHARE + 1), 2);
});

test("selftest-verdict.js: held ends where the limit is", () => {
	const verdict = (spread) => classify({ ...SEEN, ticks: TEN.map((_, i) => ({
		tick: i + 1, sent: 300 * i, arrived: 9000 + spread * i / 9 })) })
		.verdict;
	assert.equal(verdict(2700 * HELD_SHARE - 1), "held");
	assert.equal(verdict(2700 * HELD_SHARE + 1), "blocks");
});

test("selftest-verdict.js: rows tell times from the first one's sending",
	() => {
		const { rows, latest } = timesOf([
			{ tick: 1, sent: 40, arrived: 1500 },
			{ tick: 2, sent: 340, arrived: 1600 }]);
		assert.deepEqual(rows, [{ tick: 1, sent: 0, arrived: 200, late: 200 },
			{ tick: 2, sent: 300, arrived: 300, late: 0 }]);
		assert.equal(latest, 200);
	});

test("selftest-verdict.js: which errors are agentcgi's", () => {
	assert.equal(ownError("request-1", { error: OURS }), OURS);
	assert.equal(ownError("", { error: OURS }), null);
	for (const body of [{}, { error: null }, { error: "no" }, null,
		{ error: { ...OURS, code: 5 } }, { error: { ...OURS, retryable: 1 } },
		{ error: { message: "no" } }])
		assert.equal(ownError("request-1", body), null);
});

test("selftest-verdict.js: who is in front", () => {
	const front = (serverHeader, software, via = "") =>
		frontOf({ serverHeader, via }, software);
	assert.equal(front("Apache", "Apache/2.4.71 (Debian)"), "");
	assert.equal(front("nginx/1.26", "Apache/2.4"), "nginx/1.26");
	assert.equal(front("openresty/1.25", "nginx/1.25"), "");
	assert.equal(front("", "nginx/1.25", "1.1 varnish"), "1.1 varnish");
	assert.equal(front("nginx", ""), "");
	assert.equal(front("", ""), "");
});

/* --- selftest-report.js --- */

test("selftest-report.js: facts, words and every tick", () => {
	const seen = { ...SEEN, ticks: ticksOf(flushedAt(10)) };
	const found = classify(seen);
	const report = reportOf(seen, found, {
		headline: "It holds back.",
		details: ["Until the end."],
		notes: [{ text: "Write:", line: "one\ntwo" }, { text: "Else.", line: "" }],
	}, { when: "2026-01-02T03:04:05.000Z", browser: "Browser/1" });
	assert.deepEqual(report.split("\n").slice(0, 23), [
		"agentcgi self-test, 2026-01-02T03:04:05.000Z",
		"",
		"It holds back.",
		"Until the end.",
		"- Write:",
		"    one",
		"    two",
		"- Else.",
		"",
		"verdict: held",
		"answered by: agentcgi",
		"address: https://example.org/api/selftest",
		"status: 200 text/event-stream; charset=utf-8",
		"server: Apache/2.4.71 (Debian)",
		"gateway: mod_proxy_fcgi",
		"protocol: HTTP/1.1",
		"protocol in the browser: h2",
		"Authorization: ok",
		"blocks: 1",
		"done: complete",
		"request: request-1",
		"",
		"       tick    sent ms arrived ms    late ms",
	]);
	assert.match(report, /\n +1 +0 +2700 +2700\n/);
	assert.match(report, /\n +10 +2700 +2700 +0\n\nbrowser: Browser\/1\n$/);
});

test("selftest-report.js: of no answer", () => {
	const seen = { ...SEEN, ...NOTHING, reached: false, status: 0,
		isStream: false, type: "", requestId: "", http: "" };
	const report = reportOf(seen, classify(seen),
		{ headline: "Nothing.", details: [], notes: [] },
		{ when: "now", browser: "Browser/1" });
	assert.equal(report, ["agentcgi self-test, now", "", "Nothing.", "",
		"verdict: unreachable", "answered by: nobody",
		"address: https://example.org/api/selftest", "status: none", "",
		"browser: Browser/1", ""].join("\n"));
});

await run();
