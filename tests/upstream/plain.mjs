// Any service that streams over HTTP, for backend = http: what it answers with
// a test says, path by path.
//
// It takes whatever comes and checks nothing; requests() is for the test to
// look at (verify.mjs knows signatures).  A proxy's request, with a whole URL
// in its first line, is answered by its path, too.

import { setTimeout as sleep } from "node:timers/promises";
import http from "node:http";
import { readBody } from "./fake.mjs";
import { joinHeaders } from "./verify.mjs";

/* One answer in the making. */
class Plain {
	constructor(res, request, service) {
		Object.assign(this, { res, request, service });
	}

	head(type, headers = {}, status = 200) {
		this.res.writeHead(status, { ...(type && { "content-type": type }), ...headers });
		this.res.flushHeaders();
	}

	// With the kernel, so that what follows comes in another piece.
	write(bytes) {
		return new Promise((resolve) => this.res.write(bytes, resolve));
	}

	// Pieces that the peer has a chance to read one by one.
	async pieces(...pieces) {
		for (const piece of pieces) {
			await this.write(piece);
			await sleep(10);
		}
	}

	// Pieces each of which is made when the test says so, but the first.
	async gated(...pieces) {
		for (const [i, piece] of pieces.entries()) {
			if (i > 0)
				await this.service.permit();
			await this.write(piece);
		}
	}

	end(bytes) {
		this.res.end(bytes);
	}
}

/* answers: {path: async (plain, request) => {}}; request is {method, url, path,
 * headers, body (a Buffer)}.  Returns {port, url, requests (a list), answers,
 * go(), close()}. */
export async function startPlain(answers) {
	const waiting = [];
	let permits = 0;
	const service = {
		answers,
		requests: [],
		permit: () => new Promise((resolve) => {
			if (permits > 0) {
				permits--;
				resolve();
			} else {
				waiting.push(resolve);
			}
		}),
		go() {
			if (waiting.length > 0)
				waiting.shift()();
			else
				permits++;
		},
	};
	const server = http.createServer(async (req, res) => {
		const body = await readBody(req);
		const path = new URL(req.url, "http://x").pathname;
		const request = { method: req.method, url: req.url, path, body,
			headers: joinHeaders(req.rawHeaders) };
		service.requests.push(request);
		const plain = new Plain(res, request, service);
		try {
			await (service.answers[path] ?? (() => {
				plain.head("application/json", {}, 404);
				plain.end('{"message":"no such path"}');
			}))(plain, request);
		} catch (error) {
			console.error("plain:", error);
			res.destroy();
		}
	});
	await new Promise((resolve, reject) => {
		server.once("error", reject);
		server.listen(0, "127.0.0.1", resolve);
	});
	service.port = server.address().port;
	service.url = `http://127.0.0.1:${service.port}`;
	service.close = async () => {
		server.close();
		server.closeAllConnections();
	};
	return service;
}
