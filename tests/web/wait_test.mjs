// Silence: keepalive comments, and how long the headers are held.

import { ALL_FRONTS, lazyBed } from "../lib/servers.mjs";
import { assertFailedStream, assertRefused, assertStream } from "../lib/check.mjs";
import { stopAll } from "../lib/proc.mjs";
import { assert, run, test } from "../lib/tap.mjs";

for (const front of ALL_FRONTS) {
	const start = lazyBed({ front, globals: { keepalive: "1s", header_wait: "300ms" } });
	const patient = lazyBed({ front, globals: { header_wait: "60s" } });

	test(`${front}: comments keep a silent stream alive`, async () => {
		const bed = await start();
		const name = `quiet-${front}`;
		const reply = await bed.ask(`[[silence stream=${name}]]`);
		await reply.spoken(1);
		const before = reply.comments.length;
		await reply.until(() => reply.comments.length >= before + 2, "two comments");
		assert.equal(reply.said.length, 1);
		await bed.upstream.go(name);
		assertStream(await reply.ended);
		assert.equal(reply.said.length, 2);
	});

	test(`${front}: no comment gets into a text/plain answer`, async () => {
		const bed = await start();
		const name = `quiet-plain-${front}`;
		const silent = await bed.ask(`[[silence stream=${name}-sse]]`);
		const reply = await bed.ask(`[[silence stream=${name}]]`, { headers: { accept: "text/plain" } });
		await reply.until(() => reply.text.includes(":0] "), "the first text");
		await silent.spoken(1);
		// The stream beside it shows that the time for a comment has come.
		const before = silent.comments.length;
		await silent.until(() => silent.comments.length >= before + 2, "two comments");
		await bed.upstream.go(name);
		await bed.upstream.go(`${name}-sse`);
		await silent.ended;
		await reply.ended;
		assert.match(reply.text, /^\[t:\d+:0\] \[t:\d+:last\] $/);
	});

	test(`${front}: after header_wait the stream begins without the upstream`, async () => {
		const bed = await start();
		const name = `hold-${front}`;
		const reply = await bed.ask(`[[sse n=1 hold stream=${name}]]`);
		await reply.until(() => reply.named("session").length === 1, "the session event");
		assert.equal(reply.said.length, 0);
		await reply.until(() => reply.comments.length >= 2, "a comment while it thinks");
		await bed.upstream.go(name);
		assertStream(await reply.ended);
	});

	test(`${front}: a refusal after header_wait is told in the stream`, async () => {
		const bed = await start();
		for (const [code, ours] of [[403, "upstream_denied"], [404, "upstream_not_found"],
			[424, "agent_failed"], [402, "upstream_throttled"], [500, "upstream_error"]]) {
			const name = `late-${code}-${front}`;
			const reply = await bed.ask(`[[status code=${code} hold stream=${name}]]`);
			await reply.until(() => reply.named("session").length === 1, "the session event");
			await bed.upstream.go(name);
			assertFailedStream(await reply.ended, ours);
		}
	});

	test(`${front}: a refusal within header_wait keeps its status`, async () => {
		const bed = await patient();
		const name = `early-${front}`;
		const asked = bed.ask(`[[status code=404 hold stream=${name}]]`);
		await bed.streamUntil(name, (s) => s.waiting, "is held");
		await bed.upstream.go(name);
		assertRefused(await (await asked).ended, 502, "upstream_not_found");
	});

	test(`${front}: the headers go out with the upstream's, not with its first event`, async () => {
		const bed = await patient();
		const name = `headers-${front}`;
		const reply = await bed.ask(`[[silence n=0 stream=${name}]]`);
		await reply.until(() => reply.named("session").length === 1, "the session event");
		await bed.upstream.go(name);
		assertStream(await reply.ended);
	});
}

await run(stopAll);
