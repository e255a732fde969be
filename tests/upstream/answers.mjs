// The ways in which the test upstream answers: one function per mode.
//
// A prompt picks one by a directive, `[[MODE key=value flag ...]]`; without
// one the prompt's words come back as Python's SDK would send them.  Every
// mode takes `stream=NAME` (to be found and steered by), `hold` (nothing,
// not even headers, before a go), `gate` (a go before each event), `tag=TEXT`
// (repeated in each event), `eol=crlf|cr` and `split` (byte by byte).
//
// [[refuse times=N stream=NAME ...]] refuses the first N attempts at this
// stream, then answers as the rest of the prompt says, which may hold another
// directive: "[[refuse status=429 times=2 stream=x]] [[sse n=3]]".

import http from "node:http";
import { LEAK, ARN } from "./secrets.mjs";

const SSE = { "content-type": "text/event-stream; charset=utf-8" };
const TS_SSE = {
	"content-type": "text/event-stream",
	"cache-control": "no-cache",
	"x-accel-buffering": "no",
};
const EOLS = { crlf: "\r\n", cr: "\r", lf: "\n" };

// {mode, opt, rest}: rest is the prompt without the directive.
export function parseDirective(prompt) {
	const found = /\[\[([a-z0-9-]+)((?:\s+[^\]\s]+)*)\s*\]\]/.exec(prompt);
	if (!found)
		return { mode: "echo", opt: {}, rest: prompt };
	const opt = {};
	for (const word of found[2].split(/\s+/).filter(Boolean)) {
		const at = word.indexOf("=");
		opt[at < 0 ? word : word.slice(0, at)] =
			at < 0 ? true : word.slice(at + 1);
	}
	return { mode: found[1], opt, rest: prompt.replace(found[0], "").trim() };
}

const number = (value, otherwise) =>
	value === undefined ? otherwise : Number(value);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* One answer in the making.  Writes wait for the peer to read; every wait
 * ends by throwing GONE once the peer has left. */
export const GONE = Symbol("the peer has left");

export class Answer {
	constructor({ res, record, prompt, opt, session, body, attempt, agentUrl }) {
		Object.assign(this,
			{ res, record, prompt, opt, session, body, attempt, agentUrl });
		this.eol = EOLS[opt.eol] ?? "\n";
		this.gone = new Promise((_, reject) => {
			record.onGone = () => reject(GONE);
		});
		this.gone.catch(() => {});
	}

	until(promise) {
		return Promise.race([promise, this.gone]);
	}

	async go() {
		this.record.waiting = true;
		await this.until(this.record.takeGo());
		this.record.waiting = false;
	}

	head(headers, status = 200) {
		this.res.writeHead(status, { ...this.record.headers, ...headers });
		this.res.flushHeaders();
	}

	async write(data) {
		const bytes = Buffer.isBuffer(data) ? data : Buffer.from(data);
		if (!this.opt.split)
			return this.writeOnce(bytes);
		for (const byte of bytes) {
			await this.writeOnce(Buffer.of(byte));
			await this.until(new Promise(setImmediate));
		}
	}

	async writeOnce(bytes) {
		this.record.queued += bytes.length;
		if (this.res.write(bytes))
			return;
		await this.until(
			new Promise((resolve) => this.res.once("drain", resolve)));
	}

	// Every byte so far is with the kernel.
	async flush() {
		await this.until(new Promise((r) => this.res.write("", r)));
	}

	async event(text) {
		if (this.opt.gate)
			await this.go();
		await this.write(text.replaceAll("\n", this.eol));
		this.record.events++;
		if (this.opt.t)
			await this.until(sleep(Number(this.opt.t)));
	}

	// As Python's json.dumps of a generator's value.
	py(value) {
		const json = JSON.stringify(value)
			.replace(/("(?:[^"\\]|\\.)*")|([,:])/g,
				(all, string, mark) => string ?? `${mark} `);
		return this.event(`data: ${json}\n\n`);
	}

	// As the TypeScript SDK: a string is raw text, line by line.
	ts(value) {
		const text = typeof value === "string" ? value : JSON.stringify(value);
		return this.event(`data: ${text.replaceAll("\n", "\ndata: ")}\n\n`);
	}

	tick(i) {
		const tag = this.opt.tag ? `${this.opt.tag} ` : "";
		return `[t:${Date.now()}:${i}] ${tag}`;
	}

	// n of them, in Python's way: what most faults come after.
	async ticks(n) {
		for (let i = 0; i < n; i++)
			await this.py(this.tick(i));
	}

	end() {
		this.res.end();
	}

	// A connection's sudden end, once the peer could have everything.
	async cut(how) {
		await this.flush();
		if (this.opt.gate)
			await this.go();
		this.record.ended = "self";
		this.res.socket[how]();
	}
}

const TYPES = {
	400: "ValidationException",
	401: "UnauthorizedException",
	402: "ServiceQuotaExceededException",
	403: "AccessDeniedException",
	404: "ResourceNotFoundException",
	409: "RetryableConflictException",
	424: "RuntimeClientError",
	429: "ThrottlingException",
	500: "InternalServerException",
};

export const JP = [
	"こん", "にちは、", "世界", "🌏", "👨‍👩", "‍👧‍👦", " 🇯", "🇵 ", "か", "゙",
	" café ", "𠮷野家", "\u200f\u2028", 'Ω"\\</b>',
];

async function afterRefusals(a) {
	const next = parseDirective(parseDirective(a.prompt).rest);
	if (!Object.hasOwn(MODES, next.mode) || next.mode === "refuse")
		throw new Error(`nothing after refuse: ${a.prompt}`);
	a.prompt = parseDirective(a.prompt).rest;
	a.opt = { ...next.opt, stream: a.opt.stream };
	a.eol = EOLS[a.opt.eol] ?? "\n";
	if (a.opt.hold)
		await a.go();
	return MODES[next.mode](a);
}

export const MODES = {
	async echo(a) {
		a.head(SSE);
		for (const word of a.prompt.match(/\S+\s*/g) ?? [""])
			await a.py(word);
		a.end();
	},

	async sse(a) {
		if (a.opt.delay)
			await a.until(sleep(Number(a.opt.delay)));
		a.head(SSE);
		await a.ticks(number(a.opt.n, 5));
		a.end();
	},

	// An event-stream of exactly these bytes, chunk by chunk: b64=A,B,C
	async raw(a) {
		a.head(SSE);
		for (const part of String(a.opt.b64 ?? "").split(",")) {
			if (a.opt.gate)
				await a.go();
			await a.write(Buffer.from(part, "base64"));
			a.record.events++;
		}
		a.end();
	},

	async ts(a) {
		a.head(TS_SSE);
		for (let i = 0; i < number(a.opt.n, 5); i++)
			await a.ts(a.tick(i));
		a.end();
	},

	async dict(a) {
		a.head(SSE);
		await a.py({ text: "甲" });
		await a.py({ type: "status", message: "thinking" });
		await a.py({ text: "乙🎉" });
		await a.py(["list", 1]);
		await a.py(42);
		await a.py(true);
		a.end();
	},

	async jp(a) {
		a.head(SSE);
		for (const piece of JP)
			await a.py(piece);
		a.end();
	},

	async json(a) {
		const body = '{"result": "JSON answer こんにちは 🎉"}';
		a.head({
			"content-type": "application/json",
			"content-length": Buffer.byteLength(body),
		});
		await a.write(body);
		a.end();
	},

	async mislabelled(a) {
		const body = "plain string answer こんにちは";
		a.head({
			"content-type": "application/json; charset=utf-8",
			"content-length": Buffer.byteLength(body),
		});
		await a.write(body);
		a.end();
	},

	async text(a) {
		const body = "plain string answer こんにちは\nsecond line";
		a.head({
			"content-type": "text/plain; charset=utf-8",
			"content-length": Buffer.byteLength(body),
		});
		await a.write(body);
		a.end();
	},

	async "text-slow"(a) {
		a.head({ "content-type": "text/plain; charset=utf-8" });
		for (let i = 0; i < number(a.opt.n, 3); i++)
			await a.event(`piece ${i} ÄÖ `);
		a.end();
	},

	async html(a) {
		a.head({ "content-type": "text/html; charset=utf-8" });
		await a.write(`<html><body><h1>Sign in</h1>${LEAK}</body></html>`);
		a.end();
	},

	async image(a) {
		a.head({ "content-type": "image/png" });
		await a.write(Buffer.from("89504e470d0a1a0a0000000d49484452", "hex"));
		a.end();
	},

	async empty(a) {
		a.head(SSE);
		a.end();
	},

	// Only comments, no event: an agent that had nothing to say.
	async "comments-only"(a) {
		a.head(SSE);
		await a.event(": heartbeat\n\n");
		a.end();
	},

	async comments(a) {
		a.head(SSE);
		for (let i = 0; i < number(a.opt.n, 3); i++) {
			await a.write(": heartbeat\n\n");
			await a.py(a.tick(i));
		}
		await a.write(": heartbeat\n\n");
		a.end();
	},

	async "midthrow-py"(a) {
		a.head(SSE);
		await a.ticks(number(a.opt.n, 2));
		await a.py({
			error: LEAK,
			error_type: "RuntimeError",
			message: "An error occurred during streaming",
		});
		a.end();
	},

	async "midthrow-ts"(a) {
		a.head(TS_SSE);
		await a.ts("one ");
		await a.ts("two ");
		await a.event(`event: error\ndata: ${JSON.stringify({ error: LEAK })}\n\n`);
		a.end();
	},

	async reset(a) {
		a.head(SSE);
		await a.ticks(number(a.opt.n, 2));
		await a.cut("resetAndDestroy");
	},

	async cut(a) {
		a.head(SSE);
		await a.ticks(number(a.opt.n, 2));
		await a.cut("destroy");
	},

	// Half an event, then the last chunk: complete HTTP, incomplete SSE.
	async half(a) {
		a.head(SSE);
		await a.ticks(number(a.opt.n, 2));
		await a.write('data: "unfinis');
		a.end();
	},

	async badlength(a) {
		a.head({ ...SSE, "content-length": 100000 });
		await a.ticks(number(a.opt.n, 2));
		await a.cut("destroy");
	},

	// No length, no chunks: the end of the connection is the end.
	async eof(a) {
		a.res.removeHeader("transfer-encoding");
		a.head({ ...SSE, connection: "close" });
		await a.ticks(number(a.opt.n, 2));
		a.end();
	},

	// n events, s seconds of nothing (for ever without s), then one more.
	async silence(a) {
		a.head(SSE);
		await a.ticks(number(a.opt.n, 1));
		await a.flush();
		a.record.waiting = true;
		await (a.opt.s ? a.until(sleep(1000 * Number(a.opt.s))) : a.go());
		a.record.waiting = false;
		await a.py(a.tick("last"));
		a.end();
	},

	async never(a) {
		await a.gone;
	},

	async slowheaders(a) {
		await a.until(sleep(number(a.opt.ms, 1000)));
		await MODES.sse(a);
	},

	// One event of k KiB, its text numbered so that a lost byte shows.
	async big(a) {
		a.head(SSE);
		const size = 1024 * number(a.opt.k, 1024);
		let text = "";
		for (let i = 0; text.length < size; i++)
			text += `${i}あ `;
		await a.py(text);
		a.end();
	},

	async flood(a) {
		a.head(SSE);
		const line = `data: "${"x".repeat(1000)}"\n\n`.repeat(16);
		const most = 1024 * 1024 * number(a.opt.mb, Infinity);
		while (a.record.queued < most)
			await a.write(line);
		a.end();
	},

	async status(a) {
		const code = number(a.opt.code, 500);
		const headers = { "content-type": "application/json" };
		const type = a.opt.type ?? TYPES[code];
		if (type)
			headers["x-amzn-errortype"] = `${type}:http://${ARN}/`;
		if (code === 401)
			headers["www-authenticate"] = `Bearer resource_metadata="https://x/${ARN}"`;
		if (code >= 300 && code < 400)
			headers.location = `/elsewhere?${encodeURIComponent(ARN)}`;
		if (a.opt.body === "sse") {
			a.head({ ...headers, ...TS_SSE, "content-length": 0 }, code);
			return a.end();
		}
		a.head(headers, code);
		await a.write(JSON.stringify({ message: LEAK, reason: LEAK }));
		a.end();
	},

	/* status=503 and type=NAME (or none) as they are; with the headers that
	 * retry-after=SECONDS, retry-date=SECONDS (the same as a date),
	 * amz-retry-after=MS and date=SECONDS (the clock is off by) ask for. */
	async refuse(a) {
		if (a.attempt > number(a.opt.times, 1))
			return afterRefusals(a);
		const { opt } = a;
		const code = number(opt.status, 503);
		const type = opt.type ?? TYPES[code] ?? "none";
		const headers = { "content-type": "application/json" };
		const date = (seconds) =>
			new Date(Date.now() + 1000 * Number(seconds)).toUTCString();
		if (type !== "none")
			headers["x-amzn-errortype"] = type;
		if (opt["retry-after"])
			headers["retry-after"] = opt["retry-after"];
		if (opt["retry-date"])
			headers["retry-after"] = date(opt["retry-date"]);
		if (opt["amz-retry-after"])
			headers["x-amz-retry-after"] = opt["amz-retry-after"];
		if (opt.date)
			headers.date = date(opt.date);
		a.head(headers, code);
		await a.write(JSON.stringify({ message: LEAK }));
		a.end();
	},

	// To the real agent's container, as the service would.
	async agent(a) {
		if (!a.agentUrl)
			throw new Error("no agent is attached to this upstream");
		const answer = await a.until(new Promise((resolve, reject) => {
			const request = http.request(`${a.agentUrl}/invocations`, {
				method: "POST",
				agent: false,
				headers: {
					"content-type": "application/json",
					accept: a.record.accept ?? "*/*",
					"x-amzn-bedrock-agentcore-runtime-session-id": a.session,
				},
			}, resolve);
			request.on("error", reject);
			a.res.on("close", () => request.destroy());
			request.end(a.body);
		}));
		if (answer.statusCode >= 400) {
			answer.resume();
			a.head({
				"content-type": "application/json",
				"x-amzn-errortype": "RuntimeClientError",
			}, 424);
			await a.write(JSON.stringify({
				message: `Received error (${answer.statusCode}) from runtime. ${LEAK}`,
			}));
			return a.end();
		}
		const headers = { ...answer.headers };
		for (const name of ["connection", "keep-alive", "transfer-encoding"])
			delete headers[name];
		a.head(headers);
		for await (const chunk of answer)
			await a.write(chunk);
		a.end();
	},
};
