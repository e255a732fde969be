// What many tests ask of an answer.

import { SECRETS } from "../upstream/upstream.mjs";
import { assert } from "./tap.mjs";

// Nothing of the upstream's may be in these bytes; where says whose they are.
export function assertClean(text, where, secrets = SECRETS) {
	for (const secret of secrets) {
		const at = text.toLowerCase().indexOf(secret.toLowerCase());
		assert.ok(at < 0, `${where} shows "${secret}": `
			+ JSON.stringify(text.slice(Math.max(0, at - 80), at + 120)));
	}
}

// The whole of a reply as the client sees it.
export function visible(reply) {
	return JSON.stringify(reply.res.rawHeaders) + reply.text;
}

// {error: {code, message, requestId, retryable}} and nothing else.
export function assertErrorObject(error, code, label = code) {
	assert.deepEqual(Object.keys(error).sort(),
		["code", "message", "requestId", "retryable"], `${label}: keys`);
	assert.equal(error.code, code, label);
	assert.equal(typeof error.message, "string");
	assert.match(error.message, /\S/);
	assert.match(error.requestId, /^[A-Za-z0-9._-]{8,64}$/);
	assert.equal(typeof error.retryable, "boolean");
}

export function assertRefused(reply, status, code, label = "") {
	assert.equal(reply.status, status, `${label} ${reply.text.slice(0, 500)}`);
	assert.match(reply.headers["content-type"] ?? "", /^application\/json\b/, label);
	const body = reply.json();
	assert.deepEqual(Object.keys(body), ["error"], label);
	assertErrorObject(body.error, code, label);
	assert.equal(reply.headers["x-request-id"], body.error.requestId, label);
	if (status === 429 || status === 503)
		assert.match(reply.headers["retry-after"] ?? "", /^\d+$/, `${label} Retry-After`);
	assert.equal(reply.cut, false, label);
	assertClean(visible(reply), `${label} the refusal`);
}

// A stream in whole: comment, session, ..., done with this reason, and more.
export function assertStream(reply, reason = "complete", label = "", more = {}) {
	const show = reply.text.slice(0, 1500);
	assert.equal(reply.status, 200, `${label} ${show}`);
	assert.match(reply.headers["content-type"], /^text\/event-stream\b/, label);
	assert.match(reply.text, /^:/, `${label} begins with a comment: ${show}`);
	assert.equal(reply.events[0]?.event, "session", `${label} ${show}`);
	assert.equal(reply.events.at(-1).event, "done", `${label} ${reply.text.slice(-800)}`);
	assert.deepEqual(reply.data("done"), { reason, ...more }, label);
	assert.equal(reply.cut, false, `${label} properly ended`);
	assertClean(visible(reply), `${label} the stream`);
}

// One that failed after its beginning: error of this code, then done.
export function assertFailedStream(reply, code, label = code) {
	assertStream(reply, "error", label);
	assert.equal(reply.events.at(-2).event, "error", label);
	const data = reply.data("error");
	assert.deepEqual(Object.keys(data), ["error"], label);
	assertErrorObject(data.error, code, label);
	assert.equal(data.error.requestId, reply.headers["x-request-id"], label);
}
