// What the small stand-ins for AWS's servers have in common: one plain HTTP
// server on 127.0.0.1, switches by which a test spoils it, and a list of what
// it was asked.

import { randomUUID } from "node:crypto";
import http from "node:http";
import { joinHeaders } from "./verify.mjs";

export async function readBody(req) {
	const chunks = [];
	for await (const chunk of req)
		chunks.push(chunk);
	return Buffer.concat(chunks);
}

/* Answers with what handle({method, url, path, query, headers, body, id, now},
 * fake) returns: {status, headers, body}, an object as body being JSON.  The
 * switches are fake.set({...}); two of them every fake has: hang (true, or
 * a part of the paths that are never answered) and skew (seconds by which its
 * clock is wrong). */
export class Fake {
	constructor(switches, handle) {
		this.defaults = { hang: false, skew: 0, ...switches };
		this.handle = handle;
		this.reset();
	}

	// As at the start, and nothing asked.
	reset() {
		this.is = { ...this.defaults };
		this.requests = [];
		this.counts = {};
	}

	set(switches) {
		for (const name of Object.keys(switches)) {
			if (!(name in this.defaults))
				throw new Error(`there is no switch ${name}`);
		}
		Object.assign(this.is, switches);
	}

	count(name) {
		this.counts[name] = (this.counts[name] ?? 0) + 1;
	}

	stats() {
		return { requests: this.requests.length, ...this.counts };
	}

	now() {
		return Date.now() + 1000 * this.is.skew;
	}

	async answer(req, res) {
		const body = await readBody(req);
		const url = new URL(req.url, "http://x");
		const request = {
			id: randomUUID(),
			method: req.method,
			url: req.url,
			path: url.pathname,
			query: Object.fromEntries(url.searchParams),
			headers: joinHeaders(req.rawHeaders),
			body,
			now: this.now(),
		};
		this.requests.push({ ...request, body: body.toString() });
		const { hang } = this.is;
		if (hang === true || (hang && req.url.includes(hang)))
			return;
		const answer = await this.handle(request, this);
		const json = typeof answer.body === "object";
		const text = json ? JSON.stringify(answer.body) : answer.body ?? "";
		res.writeHead(answer.status ?? 200, {
			date: new Date(request.now).toUTCString(),
			"content-type": json ? "application/json" : "text/plain",
			"content-length": Buffer.byteLength(text),
			...answer.headers,
		});
		res.end(text);
	}

	async start() {
		this.server = http.createServer((req, res) => {
			this.answer(req, res).catch((error) => {
				console.error("fake:", error);
				res.destroy();
			});
		});
		await new Promise((resolve, reject) => {
			this.server.once("error", reject);
			this.server.listen(0, "127.0.0.1", resolve);
		});
		this.port = this.server.address().port;
		this.url = `http://127.0.0.1:${this.port}`;
		return this;
	}

	async close() {
		this.server.close();
		this.server.closeAllConnections();
	}
}
