// A client goes away, while the agent speaks, while it is silent, and before
// it has begun: the upstream is let go, and nobody else notices.

import { ALL_FRONTS, frontOf, lazyBed } from "../lib/servers.mjs";
import { assertStream } from "../lib/check.mjs";
import { stopAll, until } from "../lib/proc.mjs";
import { assert, note, run, test } from "../lib/tap.mjs";

for (const front of ALL_FRONTS) {
	// Where the server does not tell, comments that cannot be written do.
	const { kind, leave } = frontOf(front);
	const cgi = kind === "cgi";
	const start = lazyBed({
		front,
		globals: { keepalive: leave === "now" ? "600s" : "1s", header_wait: "200ms" },
	});

	async function leftAfter(what, prompt, ready) {
		const bed = await start();
		const name = `${what}-${front}`;
		const other = await bed.ask(`[[sse n=3 gate stream=other-${name}]]`);
		await bed.upstream.go(`other-${name}`);
		await other.spoken(1);
		const reply = await bed.ask(prompt.replace("NAME", name));
		await ready(reply, bed, name);
		const left = Date.now();
		reply.leave();
		await bed.streamUntil(name, (s) => !s.open, "is let go");
		note(`let go ${Date.now() - left} ms after (by polling)`);
		assert.equal((await bed.stream(name)).ended, "peer");
		await bed.upstream.go(`other-${name}`, 2);
		assertStream(await other.ended);
		assert.equal(other.said.length, 3);
		if (cgi)
			await until(() => bed.agentcgiPids().length === 0, "the CGI processes to end");
	}

	test(`${front}: it leaves in mid-speech`, () =>
		leftAfter("speech", "[[sse n=1000000 t=5 stream=NAME]]", (reply) => reply.spoken(3)));

	test(`${front}: it leaves in a flood`, () =>
		leftAfter("flood", "[[flood stream=NAME]]", (reply) => reply.spoken(100)));

	test(`${front}: it leaves in silence`, () =>
		leftAfter("silence", "[[silence stream=NAME]]", (reply) => reply.spoken(1)));

	test(`${front}: it leaves before the agent has said anything`, () =>
		leftAfter("never", "[[never stream=NAME]]", (reply, bed, name) =>
			bed.streamUntil(name, (s) => s.open, "is open")));

	test(`${front}: it leaves a text/plain answer`, async () => {
		const bed = await start();
		const name = `plain-${front}`;
		const reply = await bed.ask(`[[sse n=1000000 t=5 stream=${name}]]`,
			{ headers: { accept: "text/plain" } });
		await reply.until(() => reply.text.includes(":2] "), "some text");
		reply.leave();
		await bed.streamUntil(name, (s) => s.ended === "peer", "is let go");
	});

	test(`${front}: many come and go, and nothing stays`, async () => {
		const bed = await start();
		const n = cgi || kind === "fcgid" ? 8 : 50;
		const replies = await Promise.all(Array.from({ length: n }, (_, i) =>
			bed.ask(`[[sse n=1000000 t=20 stream=many-${i}-${front}]]`)));
		await Promise.all(replies.map((r) => r.spoken(1)));
		replies.forEach((r) => r.leave());
		await until(async () => (await bed.upstream.stats()).open === 0, "all to be let go");
		assertStream(await bed.answer("hi"));
	});
}

await run(stopAll);
