// A client on node:http and node:http2 that hides nothing: the raw bytes, the events with
// their time of arrival, and whether the answer came to its proper end.

import http from "node:http";
import http2 from "node:http2";
import { createParser } from "eventsource-parser";
import { until } from "./proc.mjs";

/* Send a request.  A url of h2c: means HTTP/2 without TLS, on a connection of
 * its own unless session is one (h2Session).  options: method, headers, body
 * (text, Buffer or object to send as JSON), chunked (in pieces, of no length
 * told before).  Resolves at the answer's headers: see Reply. */
export function open(url, { method, headers = {}, body, chunked, session } = {}) {
	const fields = Object.fromEntries(Object.entries(headers)
		.map(([name, value]) => [name.toLowerCase(), value]));
	let bytes = body;
	if (body !== undefined && typeof body === "object" && !Buffer.isBuffer(body)) {
		bytes = JSON.stringify(body);
		fields["content-type"] ??= "application/json";
	}
	const verb = method ?? (body === undefined ? "GET" : "POST");
	const target = new URL(url.replace(/^h2c:/, "http:"));
	const send = (request) => {
		if (chunked)
			request.write(bytes.slice(0, 3));
		request.end(chunked ? bytes.slice(3) : bytes);
	};
	if (url.startsWith("h2c:"))
		return open2(target, verb, fields, chunked ? undefined : bytes, session, send);
	return new Promise((resolve, reject) => {
		const request = http.request(target, {
			method: verb,
			headers: fields,
			agent: false,
			path: url.slice(url.indexOf("/", url.indexOf("//") + 2)),
		}, (res) => resolve(new Reply(request, res)));
		request.on("error", reject);
		send(request);
	});
}

export function h2Session(url) {
	const session = http2.connect(new URL(url.replace(/^h2c:/, "http:")).origin);
	session.on("error", () => {});
	return session;
}

function open2(target, method, headers, bytes, shared, send) {
	const session = shared ?? h2Session(target.href);
	return new Promise((resolve, reject) => {
		if (!shared)
			session.on("error", reject);
		const { host, ...fields } = headers;
		if (bytes !== undefined)
			fields["content-length"] ??= Buffer.byteLength(bytes);
		const request = session.request({ ":method": method,
			":path": target.pathname + target.search,
			...(host && { ":authority": host }), ...fields }, { endStream: false });
		request.on("error", reject);
		if (!shared)
			request.on("close", () => session.close());
		request.on("response", (all) => {
			const entries = Object.entries(all).filter(([name]) => name[0] !== ":");
			request.statusCode = all[":status"];
			request.headers = Object.fromEntries(entries);
			request.rawHeaders = entries.flat();
			request.complete = false;
			request.on("end", () => (request.complete = request.rstCode === 0));
			resolve(new Reply(request, request));
		});
		send(request);
	});
}

class Reply {
	constructor(request, res) {
		this.request = request;
		this.res = res;
		this.status = res.statusCode;
		this.headers = res.headers;
		this.chunks = [];
		this.events = [];
		this.comments = [];
		this.cut = false; /* ended without its proper end */
		this.finished = false;
		const decoder = new TextDecoder();
		const parser = createParser({
			onEvent: (e) => this.events.push({ ...e, at: Date.now() }),
			onComment: (text) => this.comments.push({ text, at: Date.now() }),
		});
		const sse = (res.headers["content-type"] ?? "").startsWith("text/event-stream");
		res.on("data", (chunk) => {
			this.chunks.push(chunk);
			if (sse)
				parser.feed(decoder.decode(chunk, { stream: true }));
		});
		this.ended = new Promise((resolve) => {
			res.on("close", () => {
				this.cut = !res.complete;
				this.finished = true;
				resolve(this);
			});
			res.on("error", () => {});
			request.on("error", () => {});
		});
	}

	get body() {
		return Buffer.concat(this.chunks);
	}

	get text() {
		return this.body.toString();
	}

	json() {
		return JSON.parse(this.text);
	}

	// The unnamed ones: what the agent said.
	get said() {
		return this.events.filter((e) => e.event === undefined);
	}

	named(name) {
		return this.events.filter((e) => e.event === name);
	}

	// The object in the one event of this name.
	data(name) {
		const all = this.named(name);
		if (all.length !== 1)
			throw new Error(`${all.length} events "${name}" in:\n${this.text.slice(0, 2000)}`);
		return JSON.parse(all[0].data);
	}

	async until(probe, what, patience) {
		try {
			return await until(() => {
				const found = probe(this);
				if (!found && this.finished)
					throw Object.assign(new Error(
						`the answer ended (${this.cut ? "cut" : "complete"}):\n`
						+ this.text.slice(-1500)), { final: true });
				return found;
			}, what, patience);
		} catch (error) {
			throw new Error(`${error.message}\n${this.status} ${this.text.slice(-1500)}`);
		}
	}

	// Until the agent has said n things.
	spoken(n) {
		return this.until(() => this.said.length >= n, `${n} events`);
	}

	// Go away, as a browser does whose tab is closed.
	leave() {
		this.request.destroy();
		this.request.session?.destroy(); // of HTTP/2
	}

	// Read no more, so that the sender must wait.
	pause() {
		this.res.pause();
	}

	resume() {
		this.res.resume();
	}
}

// The whole answer.
export async function fetchAll(url, options) {
	const reply = await open(url, options);
	return reply.ended;
}
