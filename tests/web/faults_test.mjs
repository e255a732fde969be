// Every way in which an upstream fails: the right status or an error in the
// stream, and not one word of its own to a client or, at the default level,
// to the log.

import { SECRETS } from "../upstream/secrets.mjs";
import { EXTERNAL, FRONTS, lazyBed } from "../lib/servers.mjs";
import {
	assertClean, assertFailedStream, assertRefused, assertStream,
} from "../lib/check.mjs";
import { freePort, stopAll } from "../lib/proc.mjs";
import { assert, note, run, test } from "../lib/tap.mjs";

const UPSTREAM_WORDS = [...SECRETS]; // before a bed adds its own paths

const STATUSES = {
	400: [502, "upstream_error"],
	401: [502, "upstream_denied"],
	402: [503, "upstream_throttled"],
	403: [502, "upstream_denied"],
	404: [502, "upstream_not_found"],
	409: [502, "upstream_error"],
	424: [502, "agent_failed"],
	429: [503, "upstream_throttled"],
	500: [502, "upstream_error"],
	502: [502, "upstream_error"],
	503: [502, "upstream_error"],
	504: [502, "upstream_error"],
	301: [502, "upstream_error"],
	307: [502, "upstream_error"],
};

// Either way is truthful where the upstream's status was fine.
function assertFailed(reply, status, code, label) {
	if (reply.status === 200)
		assertFailedStream(reply, code, label);
	else
		assertRefused(reply, status, code, label);
}

for (const front of FRONTS) {
	const closed = await freePort();
	const start = lazyBed({
		front,
		globals: { header_wait: "20s" },
		agents: {
			default: {},
			early: {},
			first: { first_byte_timeout: "500ms" },
			idle: { idle_timeout: "500ms" },
			total: { total_timeout: "500ms" },
			closed: { endpoint: `http://127.0.0.1:${closed}` },
		},
	});

	for (const [code, [status, ours]] of Object.entries(STATUSES)) {
		test(`${front}: ${code} from upstream is ${status} ${ours}`, async () => {
			const bed = await start();
			const reply = await bed.answer(`[[status code=${code}]]`);
			assertRefused(reply, status, ours);
			assert.equal(reply.json().error.retryable, /throttled|error|timeout/.test(ours));
		});
	}

	test(`${front}: a redirect is not followed`, async () => {
		const bed = await start();
		await bed.upstream.reset();
		await bed.answer("[[status code=307]]");
		assert.equal((await bed.upstream.requests())
			.filter((r) => r.url.includes("elsewhere")).length, 0);
	});

	test(`${front}: 500 without a body, as the TypeScript SDK throws`, async () => {
		const bed = await start();
		assertRefused(await bed.answer("[[status code=500 body=sse]]"), 502, "upstream_error");
	});

	for (const mode of ["html", "image", "empty", "comments-only"]) {
		test(`${front}: ${mode} for an answer is upstream_error`, async () => {
			const bed = await start();
			assertFailed(await bed.answer(`[[${mode}]]`), 502, "upstream_error", mode);
		});
	}

	for (const mode of ["midthrow-py", "midthrow-ts"]) {
		test(`${front}: ${mode}: the agent's error becomes ours`, async () => {
			const bed = await start();
			const reply = await bed.answer(`[[${mode}]]`);
			assertFailedStream(reply, "agent_failed");
			assert.equal(reply.said.length, 2);
		});
	}

	for (const mode of ["reset", "cut", "badlength"]) {
		test(`${front}: ${mode} in mid-stream is told`, async () => {
			const bed = await start();
			const name = `${mode}-${front}`;
			const reply = await bed.ask(`[[${mode} n=2 gate stream=${name}]]`);
			await bed.upstream.go(name, 2);
			await reply.spoken(2);
			await bed.upstream.go(name);
			assertFailedStream(await reply.ended, "upstream_error");
			assert.equal(reply.said.length, 2);
		});
	}

	test(`${front}: half an event at the end is not passed off as a whole one`, async () => {
		const bed = await start();
		const reply = await bed.answer("[[half n=2]]");
		assert.equal(reply.events.at(-1).event, "done");
		assert.equal(reply.events[0].event, "session");
		const done = reply.data("done");
		assert.ok(["complete", "error"].includes(done.reason));
	});

	test(`${front}: nobody listening is upstream_error`, async () => {
		const bed = await start();
		assertRefused(await bed.answer("hi", { to: "/invoke/closed" }), 502, "upstream_error");
	});

	test(`${front}: no first byte in time is 504`, async () => {
		const bed = await start();
		assertRefused(await bed.answer("[[never]]", { to: "/invoke/first" }),
			504, "upstream_timeout");
	});

	test(`${front}: too long a silence ends the stream`, async () => {
		const bed = await start();
		const reply = await bed.answer(`[[silence stream=idle-${front}]]`, { to: "/invoke/idle" });
		assertFailedStream(reply, "upstream_timeout");
		assert.equal(reply.said.length, 1);
		await bed.streamUntil(`idle-${front}`, (s) => s.ended === "peer", "is left");
	}, { limit: 30_000 });

	test(`${front}: too long an answer ends with the reason limit`, async () => {
		const bed = await start();
		const reply = await bed.answer(`[[sse n=1000000 t=20 stream=total-${front}]]`,
			{ to: "/invoke/total" });
		assert.ok(reply.said.length >= 1);
		assert.equal(reply.events.at(-1).event, "done");
		assert.deepEqual(reply.data("done"), { reason: "limit" });
		await bed.streamUntil(`total-${front}`, (s) => s.ended === "peer", "is left");
	});

	test(`${front}: after all this it still answers`, async () => {
		const bed = await start();
		assertStream(await bed.answer("hi"));
	});

	test(`${front}: and the log at its default level repeats nothing`, async () => {
		const bed = await start();
		const log = bed.log();
		if (EXTERNAL.includes(front))
			assert.ok(log.length > 0, "there is a log");
		assertClean(log, "the log", UPSTREAM_WORDS);
	});

	test(`${front}: 503 without keys`, async () => {
		const bed = await lazyBed({ front, env: {
			AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined } })();
		const reply = await bed.answer("hi");
		if (reply.status === 500) // the web server's own words
			note(bed.log());
		assertRefused(reply, 503, "no_credentials");
		assert.equal((await bed.upstream.requests()).length, 0);
		await bed.stop();
	});

	test(`${front}: wrong keys are upstream_denied`, async () => {
		const bed = await lazyBed({ front,
			env: { AWS_SECRET_ACCESS_KEY: "wrong/secret" } })();
		assertRefused(await bed.answer("hi"), 502, "upstream_denied");
		const [request] = await bed.upstream.requests();
		assert.match(request.refused, /^InvalidSignatureException/);
		assertClean(bed.log(), "the log", ["wrong/secret"]);
		await bed.stop();
	});

	test(`${front}: an unusable configuration is 503, and it stays up`, async () => {
		const bed = await lazyBed({ front, globals: { no_such_key: "1" }, listenArgument: true })();
		for (let i = 0; i < 2; i++) {
			const reply = await bed.answer("hi");
			assert.equal(reply.status, 503, reply.text);
			assert.ok(reply.json().error.code);
			assertClean(reply.text, "the refusal", [bed.dir, "no_such_key"]);
		}
		if (EXTERNAL.includes(front))
			assert.match(bed.log(), /no_such_key/);
		await bed.stop();
	});
}

await run(stopAll);
