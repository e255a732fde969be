// Tests that run one after the other and print TAP.  No skips: what cannot
// run fails.

import assert from "node:assert/strict";

export { assert };

const LIMIT_MS = 120_000;
const tests = [];
let notes = [];

export function test(name, fn, { limit = LIMIT_MS } = {}) {
	tests.push({ name, fn, limit });
}

// A line for whoever reads the report, whatever becomes of the test.
export function note(text) {
	notes.push(String(text));
}

function comment(text) {
	for (const line of text.split("\n"))
		console.log(`# ${line}`);
}

async function within(limit, fn) {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(
			() => reject(new Error(`no end after ${limit} ms`)), limit);
	});
	try {
		await Promise.race([fn(), late]);
	} finally {
		clearTimeout(timer);
	}
}

/* Run what was registered, in that order; then the process ends with 0, or
 * with 1 if anything failed.  AGENTCGI_TEST_ONLY=REGEX picks some by name,
 * for work on one of them: the rest then counts as failed. */
export async function run(cleanUp = async () => {}) {
	const only = process.env.AGENTCGI_TEST_ONLY;
	let failed = 0;
	for (const [i, { name, fn, limit }] of tests.entries()) {
		notes = [];
		if (only && !new RegExp(only).test(name)) {
			failed++;
			continue;
		}
		try {
			await within(limit, fn);
			console.log(`ok ${i + 1} - ${name}`);
		} catch (error) {
			failed++;
			console.log(`not ok ${i + 1} - ${name}`);
			comment(error?.stack ?? String(error));
		}
		notes.forEach(comment);
	}
	console.log(`1..${tests.length}`);
	await cleanUp();
	process.exit(failed ? 1 : 0);
}
