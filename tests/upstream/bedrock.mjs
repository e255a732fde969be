// A stand-in for Amazon Bedrock's ConverseStream, for tests:
// POST /model/{id}/converse-stream, verified (SigV4, service bedrock, or an API
// key as bearer), the body checked, the answer in frames by AWS's own codec.
//
// The model says the last prompt's words, one delta each.  It remembers only
// what is in the messages: "what did I say first?" is answered with the first
// user message of the request.
//
// A directive (answers.mjs) in the last prompt spoils the answer; n=N is after
// how many deltas, and stream, hold, gate, t and split are as there:
//   [[exception type=throttlingException n=2]]   an exception in the stream
//   [[error code=NAME n=2]]                      an unmodelled error in it
//   [[status code=429 type=NAME]]                an HTTP error
//   [[cut n=2]] [[reset n=2]]       the end in the middle of a frame
//   [[half n=2]]     the same, but HTTP ends properly
//   [[nostop n=2]]   no messageStop, no metadata
//   [[crc n=2]] [[prelude n=2]]     a frame whose CRC is wrong
//   [[stop reason=max_tokens]]      another stopReason
//   [[blank]]        an answer of blanks alone
//   [[reasoning]] [[tool]]          other blocks than text
//   [[unknown]]      events and headers nobody knows
//   [[usage]]        cache counts and padding in it
//   [[big k=64]]     one delta of k KiB
//   [[jp]]           Japanese and the like, cut between characters
//   [[refuse ...]]   as there
//
// What it does not do: HTTP/2, TLS, images, documents, tools' results, caching,
// guardrails (checked, and then ignored), other operations, quotas.

import { randomUUID } from "node:crypto";
import http from "node:http";
import { EventStreamCodec } from "@smithy/eventstream-codec";
import { Answer, GONE, JP, MODES, parseDirective } from "./answers.mjs";
import { readBody } from "./fake.mjs";
import { CREDENTIALS, LEAK } from "./secrets.mjs";
import { Record, State, atTime } from "./upstream.mjs";
import { Refusal, joinHeaders, verify } from "./verify.mjs";

const OPERATION = /^\/model\/([^/]+)\/converse-stream$/;
const MODEL = /^(arn:aws[\w-]*:bedrock:[a-z0-9-]*:(\d{12})?:[a-z-]+\/)?[A-Za-z0-9][\w.:/-]{0,2047}$/;
const FIRST = /^what did i say first\?$/i;
const EVENT_STREAM = "application/vnd.amazon.eventstream";
const PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const KNOWN = ["messages", "system", "inferenceConfig", "toolConfig", "guardrailConfig",
	"additionalModelRequestFields", "additionalModelResponseFieldPaths", "promptVariables",
	"requestMetadata", "performanceConfig", "serviceTier"];

const codec = new EventStreamCodec((bytes) => Buffer.from(bytes).toString(),
	(text) => Buffer.from(text));

const invalid = (message) => new Refusal(400, "ValidationException", message);

function frame(headers, payload) {
	const typed = Object.fromEntries(Object.entries(headers)
		.map(([name, value]) => [name,
			typeof value === "string" ? { type: "string", value } : value]));
	return Buffer.from(codec.encode({ headers: typed,
		body: Buffer.from(payload === undefined ? "" : JSON.stringify(payload)) }));
}

const JSON_TYPE = { ":content-type": "application/json" };

// An event as the service sends it: padded, so that its length says nothing.
export function eventFrame(type, payload) {
	const p = PADDING.slice(0, 4 + Math.floor(Math.random() * 50));
	return frame({ ":event-type": type, ...JSON_TYPE, ":message-type": "event" },
		{ ...payload, p });
}

export function exceptionFrame(type, payload) {
	return frame({ ":exception-type": type, ...JSON_TYPE, ":message-type": "exception" },
		payload);
}

function checkText(text, where) {
	if (typeof text !== "string")
		throw invalid(`${where}: text must be a string`);
	if (text.trim() === "")
		throw invalid(`The text field in the ContentBlock object at ${where} is blank. Add text to the text field, and try again.`);
}

function checkMessages(messages) {
	if (!Array.isArray(messages) || messages.length === 0)
		throw invalid("messages: at least one is needed");
	for (const [i, { role, content, ...more }] of messages.entries()) {
		if (!["user", "assistant"].includes(role) || Object.keys(more).length > 0)
			throw invalid(`messages.${i}: role must be user or assistant, and no more members`);
		if (i === 0 && role !== "user")
			throw invalid("A conversation must start with a user message. Try again with a conversation that starts with a user message.");
		if (i > 0 && role === messages[i - 1].role)
			throw invalid("A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.");
		if (!Array.isArray(content) || content.length === 0)
			throw invalid(`The content field in the Message object at messages.${i} is empty. Add a ContentBlock object to the content field and try again.`);
		content.forEach(({ text }, j) => checkText(text, `messages.${i}.content.${j}`));
	}
	if (messages.at(-1).role !== "user")
		throw invalid("This model does not support assistant message prefill. The conversation must end with a user message.");
}

function checkRange(config, name, least, most, whole) {
	const value = config[name];
	if (value === undefined)
		return;
	if (typeof value !== "number" || value < least || value > most
		|| (whole && !Number.isInteger(value)))
		throw invalid(`1 validation error detected: Value '${value}' at 'inferenceConfig.${name}' failed to satisfy constraint`);
}

function checkInference(config = {}) {
	for (const name of Object.keys(config)) {
		if (!["maxTokens", "temperature", "topP", "stopSequences"].includes(name))
			throw invalid(`inferenceConfig: extraneous key [${name}] is not permitted`);
	}
	checkRange(config, "maxTokens", 1, 2 ** 31 - 1, true);
	checkRange(config, "temperature", 0, 1);
	checkRange(config, "topP", 0, 1);
	const stop = config.stopSequences ?? [];
	if (!Array.isArray(stop) || stop.length > 2500
		|| stop.some((s) => typeof s !== "string" || s === ""))
		throw invalid("inferenceConfig.stopSequences: up to 2500 texts, none empty");
}

// Throws a Refusal unless the service would take this body.
function checkBody(bytes) {
	let body;
	try {
		body = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
	} catch {
		throw new Refusal(400, "SerializationException", "not JSON in UTF-8");
	}
	for (const name of Object.keys(body)) {
		if (!KNOWN.includes(name))
			throw invalid(`Malformed input request: extraneous key [${name}] is not permitted`);
	}
	checkMessages(body.messages);
	(body.system ?? []).forEach(({ text }, i) => checkText(text, `system.${i}`));
	checkInference(body.inferenceConfig);
	const guardrail = body.guardrailConfig;
	if (guardrail && !/^(DRAFT|[1-9]\d{0,7})$/.test(guardrail.guardrailVersion ?? ""))
		throw invalid("guardrailConfig.guardrailVersion: DRAFT or a number");
	if (guardrail && !/^([a-z0-9]+|arn:aws[\w-]*:bedrock:\S+)$/.test(guardrail.guardrailIdentifier ?? ""))
		throw invalid("guardrailConfig.guardrailIdentifier: an id or ARN");
	return body;
}

const textOf = ({ content }) => content.map((c) => c.text).join("");
const words = (text) => text.match(/\S+\s*/g) ?? [text];

/* One answer of the model.  Each frame is one event to gate and t. */
class Reply {
	constructor(answer, body) {
		this.a = answer;
		this.body = body;
		this.block = 0;
		this.deltas = 0;
		this.begun = Date.now();
	}

	head() {
		this.a.head({ "content-type": EVENT_STREAM });
	}

	async send(bytes) {
		const { a } = this;
		if (a.opt.gate)
			await a.go();
		await a.write(bytes);
		a.record.events++;
		if (a.opt.t)
			await a.until(new Promise((r) => setTimeout(r, Number(a.opt.t))));
	}

	event(type, payload) {
		return this.send(eventFrame(type, payload));
	}

	delta(delta) {
		this.deltas++;
		return this.event("contentBlockDelta", { contentBlockIndex: this.block, delta });
	}

	async begin() {
		this.head();
		await this.event("messageStart", { role: "assistant" });
	}

	async endBlock() {
		await this.event("contentBlockStop", { contentBlockIndex: this.block++ });
	}

	async texts(texts) {
		for (const text of texts)
			await this.delta({ text });
	}

	async finish(stopReason = "end_turn", usage = {}) {
		await this.event("messageStop", { stopReason });
		const inputTokens = this.body.messages
			.reduce((n, m) => n + words(textOf(m)).length, 0);
		await this.event("metadata", {
			usage: { inputTokens, outputTokens: this.deltas,
				totalTokens: inputTokens + this.deltas, ...usage },
			metrics: { latencyMs: Date.now() - this.begun },
		});
		this.a.end();
	}

	// What most faults come after.
	async some() {
		await this.begin();
		for (let i = 0; i < Number(this.a.opt.n ?? 2); i++)
			await this.delta({ text: `word${i} ` });
	}

	next() {
		return eventFrame("contentBlockDelta",
			{ contentBlockIndex: this.block, delta: { text: "never to be seen" } });
	}

	// The end of the connection in the middle of a frame.
	async cut(how) {
		await this.some();
		const next = this.next();
		await this.a.write(next.subarray(0, next.length / 2));
		await this.a.cut(how);
	}

	// A frame with a wrong bit, in an answer that otherwise is whole.
	async flip(at) {
		await this.some();
		const next = this.next();
		next[at < 0 ? next.length + at : at] ^= 1;
		await this.send(next);
		await this.finish();
	}
}

const SPOILT = {
	async exception(r) {
		const { type = "throttlingException" } = r.a.opt;
		await r.some();
		await r.send(exceptionFrame(type, { message: LEAK,
			...(type === "modelStreamErrorException"
				&& { originalStatusCode: 500, originalMessage: LEAK }) }));
		r.a.end();
	},

	async error(r) {
		await r.some();
		await r.send(frame({ ":message-type": "error",
			":error-code": r.a.opt.code ?? "InternalFailure", ":error-message": LEAK }));
		r.a.end();
	},

	cut: (r) => r.cut("destroy"),
	reset: (r) => r.cut("resetAndDestroy"),

	async half(r) {
		await r.some();
		const next = r.next();
		await r.send(next.subarray(0, next.length / 2));
		r.a.end();
	},

	async nostop(r) {
		await r.some();
		r.a.end();
	},

	// The last four bytes are the message's CRC, the third four the prelude's.
	crc: (r) => r.flip(-1),
	prelude: (r) => r.flip(8),
};

const WELL = {
	async echo(r, prompt) {
		await r.begin();
		await r.texts(FIRST.test(prompt.trim())
			? words(textOf(r.body.messages[0])) : words(prompt));
		await r.endBlock();
		await r.finish();
	},

	async stop(r) {
		await r.some();
		await r.endBlock();
		await r.finish(r.a.opt.reason ?? "max_tokens");
	},

	async blank(r) {
		await r.begin();
		await r.texts([" ", "\n\t", "\r\n"]);
		await r.endBlock();
		await r.finish();
	},

	async reasoning(r) {
		await r.begin();
		for (const text of ["The user ", "asks."])
			await r.delta({ reasoningContent: { text } });
		await r.delta({ reasoningContent: { signature: "c2ln" } });
		await r.endBlock();
		await r.texts(["It is ", "so."]);
		await r.endBlock();
		await r.finish();
	},

	async tool(r) {
		await r.begin();
		await r.texts(["Let me see."]);
		await r.endBlock();
		await r.event("contentBlockStart", { contentBlockIndex: r.block,
			start: { toolUse: { toolUseId: "tooluse_1", name: "weather" } } });
		for (const input of ['{"ci', 'ty":"東', '京"}'])
			await r.delta({ toolUse: { input } });
		await r.endBlock();
		await r.finish("tool_use");
	},

	async unknown(r) {
		await r.begin();
		await r.event("somethingNew", { contentBlockIndex: 0, delta: { text: "not this" } });
		await r.texts(["known "]);
		await r.send(frame({
			":event-type": "contentBlockDelta", ...JSON_TYPE, ":message-type": "event",
			":yes": { type: "boolean", value: true },
			":byte": { type: "byte", value: -1 },
			":short": { type: "short", value: 7 },
			":integer": { type: "integer", value: 7 },
			":binary": { type: "binary", value: Buffer.from([0, 1, 2]) },
			":time": { type: "timestamp", value: new Date(0) },
			":uuid": { type: "uuid", value: randomUUID() },
		}, { contentBlockIndex: 0, delta: { text: "text" }, more: { of: ["it"] } }));
		await r.endBlock();
		await r.finish();
	},

	async usage(r) {
		await r.some();
		await r.endBlock();
		await r.finish("end_turn", { cacheReadInputTokens: 3, cacheWriteInputTokens: 4 });
	},

	async big(r) {
		const size = 1024 * Number(r.a.opt.k ?? 64);
		let text = "";
		for (let i = 0; text.length < size; i++)
			text += `${i}あ `;
		await r.begin();
		await r.texts([text]);
		await r.endBlock();
		await r.finish();
	},

	async jp(r) {
		await r.begin();
		await r.texts(JP);
		await r.endBlock();
		await r.finish();
	},
};

const ALL = { ...WELL, ...SPOILT };

async function converse(state, { req, res, id, headers, body }) {
	const prompt = textOf(body.messages.at(-1));
	const { mode, opt, rest } = parseDirective(prompt);
	const record = new Record(state,
		{ id, session: null, accept: headers.accept, stream: opt.stream ?? id });
	record.res = res;
	record.headers = { "x-amzn-requestid": id };
	state.records.push(record);
	res.on("close", () => record.close(res.writableFinished));
	const attempt = opt.stream ? state.attempt(opt.stream) : 1;
	const a = new Answer({ res, record, prompt, opt, attempt });
	const next = mode === "refuse" && attempt > Number(opt.times ?? 1)
		? parseDirective(rest) : { mode, prompt };
	if (next.opt)
		a.opt = { ...next.opt, stream: opt.stream };
	try {
		if (a.opt.hold)
			await a.go();
		if (["status", "refuse"].includes(next.mode))
			return await MODES[next.mode](a);
		if (!Object.hasOwn(ALL, next.mode))
			throw invalid(`no mode ${next.mode}`);
		await ALL[next.mode](new Reply(a, body), next.prompt ?? rest);
	} catch (error) {
		if (error !== GONE && record.open)
			throw error;
	}
}

async function authorise(request, options, now) {
	const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? "");
	if (!bearer)
		return verify(request, { credentials: options.credentials(now),
			expired: options.expired(now), service: "bedrock", now });
	if (!options.apiKeys.includes(bearer[1]))
		throw new Refusal(403, "AccessDeniedException",
			"Authentication failed: Please make sure your API Key is valid.");
	return { accessKeyId: null };
}

async function service(state, options, req, res) {
	const id = randomUUID();
	const headers = joinHeaders(req.rawHeaders);
	const bytes = await readBody(req);
	const now = Date.now() + 1000 * options.skew;
	res.setHeader("date", new Date(now).toUTCString());
	state.counts.requests++;
	const log = { id, method: req.method, url: req.url, headers, body: null,
		accessKeyId: null, model: null, refused: null };
	state.requests.push(log);
	try {
		log.accessKeyId = (await authorise({ method: req.method, url: req.url, headers,
			body: bytes, protocol: "http:" }, options, now)).accessKeyId;
		state.counts.verified++;
		const operation = OPERATION.exec(req.url);
		if (req.method !== "POST" || !operation)
			throw new Refusal(404, "UnknownOperationException", `no ${req.method} ${req.url}`);
		log.model = decodeURIComponent(operation[1]);
		if (!MODEL.test(log.model))
			throw invalid("The provided model identifier is invalid.");
		if (options.models && !options.models.includes(log.model))
			throw new Refusal(404, "ResourceNotFoundException", "no such model");
		if (!/^application\/json\b/.test(headers["content-type"] ?? ""))
			throw new Refusal(415, "UnsupportedMediaTypeException", "not application/json");
		log.body = checkBody(bytes);
		await converse(state, { req, res, id, headers, body: log.body });
	} catch (error) {
		if (!(error instanceof Refusal))
			throw error;
		state.counts.refused++;
		log.refused = `${error.type}: ${error.message}`;
		res.writeHead(error.status, {
			"content-type": "application/json",
			"x-amzn-requestid": id,
			"x-amzn-errortype": `${error.type}:http://internal.amazon.com/coral/com.amazon.bedrock/`,
		});
		res.end(JSON.stringify({ message: `${error.message} ${LEAK}` }));
	}
}

/*
 * options: credentials, expired, skew (as startUpstream's), apiKeys, models
 * (no other is there).  Returns what startUpstream does; requests() have
 * accessKeyId, model and body, parsed.
 */
export async function startBedrock(options = {}) {
	const set = {
		skew: 0,
		apiKeys: [],
		...options,
		credentials: atTime(options.credentials ?? CREDENTIALS),
		expired: atTime(options.expired),
	};
	const state = new State();
	const server = http.createServer((req, res) => {
		service(state, set, req, res).catch((error) => {
			if (!res.destroyed)
				console.error("bedrock:", error);
			res.destroy();
		});
	});
	server.requestTimeout = 0;
	server.on("connection", () => state.connections++);
	await new Promise((resolve, reject) => {
		server.once("error", reject);
		server.listen(0, "127.0.0.1", resolve);
	});
	const { port } = server.address();
	return {
		port,
		url: `http://127.0.0.1:${port}`,
		stats: async () => state.stats(),
		requests: async () => state.requests,
		go: async (stream = "*", n = 1) => state.go(stream, n),
		reset: async () => state.reset(),
		close: async () => {
			server.close();
			server.closeAllConnections();
		},
	};
}
