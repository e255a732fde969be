#!/usr/bin/env node
// A stand-in for the data plane of Amazon Bedrock AgentCore, for tests.
//
// It takes POST [/base]/runtimes/{arn}/invocations over HTTP/1.1 or HTTPS,
// checks every signature with AWS's own signer (verify.mjs) and answers as
// the prompt's directive says (answers.mjs).
//
// What it does not do: HTTP/2, bearer tokens, presigned URLs, the bare agent
// id with accountId, MCP, A2A, AG-UI, WebSockets, quotas, cold starts, and
// sessions: it remembers none, and two turns of one session may overlap.
// StopRuntimeSession is verified, counted and answered 200; it stops nothing.
// Who brings no signature is refused, unless a switch (below) answers first.
//
// Control, unsigned: GET /__stats, GET /__requests, POST /__reset,
// POST /__go?stream=NAME&n=1 (NAME may be *).
//
// As a module: startUpstream(options).  From the command line it prints
// {"port": N} and runs until it is ended:
//   upstream.mjs [--port N] [--cert FILE --cert-key FILE] [--agent URL]
//                [--key ID --secret TEXT [--token TEXT]] [--base /path]

import { randomUUID } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import { parseArgs } from "node:util";
import { Answer, GONE, MODES, parseDirective } from "./answers.mjs";
import { readBody } from "./fake.mjs";
import { ARN, CREDENTIALS, LEAK } from "./secrets.mjs";
import { Refusal, joinHeaders, parseQuery, verify } from "./verify.mjs";

export { ACCOUNT, ARN, CREDENTIALS, LEAK, SECRETS } from "./secrets.mjs";

const SESSION = "x-amzn-bedrock-agentcore-runtime-session-id";
const OPERATION = /^(.*)\/runtimes\/([^/]+)\/(invocations|stopruntimesession)$/;
const ARN_FORM =
	/^arn:aws(?:-[a-z-]+)?:bedrock-agentcore:([a-z0-9-]+):\d{12}:runtime\/[A-Za-z][A-Za-z0-9_]{0,47}-[A-Za-z0-9]{10}$/;
const KEPT_REQUESTS = 20000;

export class State {
	constructor() {
		this.reset();
	}

	// Streams that are still open stay known, so that they can be steered.
	reset() {
		this.requests = [];
		this.records = (this.records ?? []).filter((r) => r.open);
		this.counts = { requests: 0, verified: 0, refused: 0, stops: 0 };
		this.connections = 0;
		this.attempts = new Map();
		this.permits = new Map();
	}

	go(stream, n) {
		if (stream !== "*" && !this.records.some((r) => r.stream === stream && r.open))
			this.permits.set(stream, (this.permits.get(stream) ?? 0) + n);
		for (const r of this.records) {
			if (r.open && (stream === "*" || r.stream === stream))
				r.give(n);
		}
	}

	// Counts the attempts at a stream that has a name.
	attempt(stream) {
		const attempts = (this.attempts.get(stream) ?? 0) + 1;
		this.attempts.set(stream, attempts);
		return attempts;
	}

	stats() {
		return {
			...this.counts,
			connections: this.connections,
			attempts: Object.fromEntries(this.attempts),
			open: this.records.filter((r) => r.open).length,
			closed_by_peer: this.records.filter((r) => r.ended === "peer").length,
			streams: this.records.map((r) => r.report()),
		};
	}
}

export class Record {
	constructor(state, { id, stream, session, accept }) {
		Object.assign(this, { id, stream, session, accept });
		this.begun = Date.now();
		this.open = true;
		this.ended = null; /* complete | peer | self */
		this.closedAt = null;
		this.waiting = false;
		this.queued = 0;
		this.events = 0;
		this.permits = state.permits.get(stream) ?? 0;
		state.permits.delete(stream);
		this.onGone = () => {};
		this.wake = null;
	}

	give(n) {
		this.permits += n;
		this.wake?.();
	}

	async takeGo() {
		while (this.permits <= 0)
			await new Promise((resolve) => (this.wake = resolve));
		this.permits--;
	}

	close(finished) {
		if (!this.open)
			return;
		this.open = false;
		this.waiting = false;
		this.ended ??= finished ? "complete" : "peer";
		this.closedAt = Date.now();
		this.onGone();
	}

	report() {
		return {
			id: this.id,
			stream: this.stream,
			session: this.session,
			open: this.open,
			waiting: this.waiting,
			events: this.events,
			bytes: this.queued - (this.res?.writableLength ?? 0),
			ended: this.ended,
			begun: this.begun,
			closed_after_ms: this.closedAt && this.closedAt - this.begun,
		};
	}
}

function refuse(res, id, { status, type, message }) {
	res.writeHead(status, {
		"content-type": "application/json",
		"x-amzn-requestid": id,
		"x-amzn-errortype": type,
	});
	res.end(JSON.stringify({ message: `${message} ${LEAK}` }));
}

function checkOperation(req, headers, options, region) {
	const path = req.url.split("?")[0];
	const operation = OPERATION.exec(path);
	if (!operation || operation[1] !== options.base)
		throw new Refusal(404, "UnknownOperationException", `no ${path}`);
	const arn = ARN_FORM.exec(decodeURIComponent(operation[2]));
	if (!arn)
		throw new Refusal(400, "ValidationException", "not an ARN");
	if (arn[1] !== region)
		throw new Refusal(403, "InvalidSignatureException",
			"Credential should be scoped to a valid region.");
	if (options.arns && !options.arns.includes(arn[0]))
		throw new Refusal(404, "ResourceNotFoundException",
			`No endpoint or agent found with qualifier 'DEFAULT' for agent '${arn[0]}'`);
	const session = headers[SESSION] ?? "";
	if (session.length < 33 || session.length > 256)
		throw new Refusal(400, "ValidationException",
			"runtimeSessionId: length must be 33 to 256");
	return { operation: operation[3], session };
}

const operationOf = (req) => OPERATION.exec(req.url.split("?")[0])?.[3];

function promptOf(body) {
	let value;
	try {
		value = JSON.parse(body.toString());
	} catch {
		throw new Refusal(424, "RuntimeClientError",
			"Received error (400) from runtime: Invalid JSON");
	}
	if (typeof value.prompt !== "string")
		throw new Refusal(424, "RuntimeClientError",
			"Received error (500) from runtime: prompt is no string");
	return value.prompt;
}

async function answer(state, options, { req, res, id, headers, body, session }) {
	const prompt = promptOf(body) + options.directive;
	const { mode, opt } = options.through ? { mode: "agent", opt: {} } : parseDirective(prompt);
	if (!Object.hasOwn(MODES, mode))
		throw new Refusal(424, "RuntimeClientError", `no mode ${mode}`);
	const record = new Record(state,
		{ id, session, accept: headers.accept, stream: opt.stream ?? id });
	record.res = res;
	record.headers = { "x-amzn-requestid": id, [SESSION]: session };
	state.records.push(record);
	res.on("close", () => record.close(res.writableFinished));
	const attempt = opt.stream ? state.attempt(opt.stream) : 1;
	const a = new Answer({ res, record, prompt, opt, session, body, attempt,
		agentUrl: options.agentUrl });
	try {
		if (opt.hold)
			await a.go();
		await MODES[mode](a);
	} catch (error) {
		if (error !== GONE && record.open)
			throw error;
	}
}

async function service(state, options, req, res) {
	const id = randomUUID();
	const headers = joinHeaders(req.rawHeaders);
	const body = await readBody(req);
	const now = Date.now() + 1000 * options.skew;
	res.setHeader("date", new Date(now).toUTCString());
	state.counts.requests++;
	const log = {
		id,
		method: req.method,
		url: req.url,
		headers: { ...headers, authorization:
			headers.authorization?.replace(/Signature=.*/, "Signature=-") },
		body: body.toString(),
		refused: null,
	};
	state.requests.push(log);
	if (state.requests.length > KEPT_REQUESTS)
		state.requests.shift();
	try {
		const spoilt = options.refuse[operationOf(req)];
		if (spoilt && !/^AWS4-/.test(headers.authorization ?? ""))
			throw new Refusal(spoilt.status, spoilt.type, spoilt.message);
		const { region } = await verify(
			{ method: req.method, url: req.url, headers, body,
				protocol: options.tls ? "https:" : "http:" },
			{ credentials: options.credentials(now), expired: options.expired(now),
				service: "bedrock-agentcore", now });
		state.counts.verified++;
		if (req.method !== "POST")
			throw new Refusal(405, "UnknownOperationException", "not POST");
		const { operation, session } = checkOperation(req, headers, options, region);
		if (spoilt)
			throw new Refusal(spoilt.status, spoilt.type, spoilt.message);
		log.query = parseQuery(new URL(req.url, "http://x").search);
		if (operation === "invocations")
			return await answer(state, options,
				{ req, res, id, headers, body, session });
		state.counts.stops++;
		res.writeHead(200, { [SESSION]: session, "content-length": 0 });
		res.end();
	} catch (error) {
		if (!(error instanceof Refusal))
			throw error;
		state.counts.refused++;
		log.refused = `${error.type}: ${error.message}`;
		refuse(res, id, error);
	}
}

function control(state, req, res) {
	const url = new URL(req.url, "http://x");
	const json = (value) => {
		res.writeHead(200, { "content-type": "application/json" });
		res.end(JSON.stringify(value));
	};
	req.resume();
	switch (`${req.method} ${url.pathname}`) {
	case "GET /__stats":
		return json(state.stats());
	case "GET /__requests":
		return json(state.requests);
	case "POST /__reset":
		state.reset();
		return json({});
	case "POST /__go":
		state.go(url.searchParams.get("stream") ?? "*",
			Number(url.searchParams.get("n") ?? 1));
		return json({});
	}
	res.writeHead(404);
	res.end();
}

// What is given, or what a function of the time returns.
export const atTime = (given) =>
	(typeof given === "function" ? given : () => [given ?? []].flat());

/*
 * options: host, port, tls {cert, key}, base, agentUrl, through (all prompts
 * go to the agent, whatever directive is in them), credentials (one or a list),
 * expired (ids of credentials that were valid once: refused as such; both may
 * be functions of the time in ms, asked with each request) and skew (seconds by
 * which its clock is wrong).  Also arns (no other runtime is there), refuse
 * ({invocations: {status, type, message}, stopruntimesession: the same}: what
 * each such request is answered with once its signature is verified, at once if
 * it has none) and directive (that follows each prompt).  Returns {port, url,
 * stats(), requests(), go(stream, n), set(options), reset(), close()}; set()
 * changes skew and those after it, which reset() leaves as they are.
 */
export async function startUpstream(options = {}) {
	const set = {
		host: "127.0.0.1",
		port: 0,
		base: "",
		skew: 0,
		arns: null,
		refuse: {},
		directive: "",
		...options,
		credentials: atTime(options.credentials ?? CREDENTIALS),
		expired: atTime(options.expired),
	};
	const state = new State();
	const handle = (req, res) => {
		if (req.url.startsWith("/__"))
			return control(state, req, res);
		service(state, set, req, res).catch((error) => {
			if (!res.destroyed)
				console.error("upstream:", error);
			res.destroy();
		});
	};
	const server = set.tls
		? https.createServer(set.tls, handle)
		: http.createServer(handle);
	server.keepAliveTimeout = 120_000;
	server.requestTimeout = 0;
	server.on("connection", () => state.connections++);
	await new Promise((resolve, reject) => {
		server.once("error", reject);
		server.listen({ port: set.port, host: set.host, backlog: 4096 }, resolve);
	});
	const { port } = server.address();
	return {
		port,
		url: `${set.tls ? "https" : "http"}://${set.host}:${port}${set.base}`,
		stats: async () => state.stats(),
		requests: async () => state.requests,
		go: async (stream = "*", n = 1) => state.go(stream, n),
		set: (switches) => Object.assign(set, switches),
		reset: async () => state.reset(),
		close: async () => {
			server.close();
			server.closeAllConnections();
		},
	};
}

async function main() {
	const text = { type: "string" };
	const { values } = parseArgs({ options: { port: text, cert: text,
		"cert-key": text, agent: text, key: text, secret: text,
		token: text, base: text } });
	const options = {
		port: Number(values.port ?? 0),
		base: values.base ?? "",
		agentUrl: values.agent,
	};
	if (values.cert)
		options.tls = { cert: fs.readFileSync(values.cert),
			key: fs.readFileSync(values["cert-key"]) };
	if (values.key)
		options.credentials = { accessKeyId: values.key,
			secretAccessKey: values.secret, sessionToken: values.token };
	const upstream = await startUpstream(options);
	console.log(JSON.stringify({ port: upstream.port }));
}

if (import.meta.url === new URL(process.argv[1] ?? "", "file://").href)
	await main();
