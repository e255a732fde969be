// Many at once: a reader who does not read, the ceiling, a thousand streams.

import { spawnUpstream, startBed, lazyBed } from "../lib/servers.mjs";
import { assertRefused, assertStream } from "../lib/check.mjs";
import { stopAll, until } from "../lib/proc.mjs";
import { assert, note, run, test } from "../lib/tap.mjs";

const SERVERS = ["lighttpd", "nginx"];
const MANY = 1000;
const ROUNDS = 5;
// What kernels, web server and relay may hold together for one stream; a
// flood without an end would pass any figure.
const HELD_MOST = 64 * 1024 * 1024;

for (const front of SERVERS) {
	const start = lazyBed({ front });

	test(`${front}: who does not read holds the upstream, not the others`, async () => {
		const bed = await start();
		const slow = [];
		for (let i = 0; i < 3; i++) {
			const reply = await bed.ask(`[[flood stream=slow-${i}-${front}]]`);
			reply.pause();
			slow.push(reply);
		}
		const flooded = async () => (await bed.upstream.stats()).streams
			.filter((s) => s.stream.startsWith("slow-")).map((s) => s.bytes);
		let before = "";
		let same = 0;
		await until(async () => {
			const now = (await flooded()).join();
			same = now === before ? same + 1 : 0;
			before = now;
			return same >= 25;
		}, "the floods to stand still", 60_000);
		note(`bytes taken from each flood: ${before}`);
		for (const bytes of await flooded())
			assert.ok(bytes < HELD_MOST, `${bytes} bytes are held`);
		const others = await Promise.all(Array.from({ length: 20 }, (_, i) =>
			bed.answer(`[[sse n=20 t=5 tag=o${i}]]`)));
		for (const [i, reply] of others.entries()) {
			assertStream(reply);
			assert.equal(reply.said.length, 20);
			assert.match(reply.said[19].data, new RegExp(`:19\\] o${i} `));
		}
		const at = (await flooded())[0];
		slow[0].resume();
		await until(async () => (await flooded())[0] > at + 8e6,
			"the flood to flow again");
		slow.forEach((reply) => reply.leave());
		await until(async () => (await bed.upstream.stats()).open === 0, "all to be let go");
	});

	test(`${front}: a flood arrives whole`, async () => {
		const bed = await start();
		const reply = await bed.answer("[[flood mb=8]]");
		assertStream(reply);
		const expected = Math.ceil(8 * 1024 * 1024 / (1010 * 16)) * 16;
		assert.equal(reply.said.length, expected);
		assert.ok(reply.said.every((e) => e.data.length === 1002));
	});

	test(`${front}: above max_streams 503, below again served`, async () => {
		const bed = await startBed({ front, globals: { max_streams: "2" } });
		const open = [];
		for (const name of ["a", "b"]) {
			const reply = await bed.ask(`[[sse n=1 gate stream=${name}]]`);
			await reply.until(() => reply.named("session").length === 1, "the session");
			open.push(reply);
		}
		await bed.upstream.reset();
		for (let i = 0; i < 3; i++)
			assertRefused(await bed.answer("hi"), 503, "overloaded");
		assert.equal((await bed.upstream.requests()).length, 0);
		await bed.upstream.go("*");
		for (const reply of open)
			assertStream(await reply.ended);
		await until(async () => {
			const reply = await bed.answer("hi");
			return reply.status === 200;
		}, "a place to be free");
		await bed.stop();
	});

	test(`${front}: ${MANY} streams at once, all complete, none mixed up`, async () => {
		const upstream = await spawnUpstream();
		const bed = await startBed({ front, upstream });
		const replies = await Promise.all(Array.from({ length: MANY }, (_, i) =>
			bed.ask(`[[sse n=${ROUNDS} gate tag=no${i} stream=s${i}]]`)));
		assert.deepEqual(replies.filter((r) => r.status !== 200)
			.map((r) => r.status), []);
		await until(async () => (await upstream.stats()).open === MANY,
			"all to be open at once", 60_000);
		for (let round = 1; round <= ROUNDS; round++) {
			await upstream.go("*");
			await Promise.all(replies.map((r) => r.until(
				() => r.said.length >= round, `event ${round}`, 60_000)));
		}
		await Promise.all(replies.map((r) => r.ended));
		for (const [i, reply] of replies.entries()) {
			assertStream(reply);
			assert.equal(reply.said.length, ROUNDS);
			for (const [j, e] of reply.said.entries())
				assert.match(JSON.parse(e.data), new RegExp(`:${j}\\] no${i} $`));
		}
		const stats = await upstream.stats();
		assert.equal(stats.refused, 0);
		assert.equal(stats.verified, MANY);
		assert.equal(new Set(stats.streams.map((s) => s.session)).size, MANY);
		await bed.stop();
		await upstream.close();
	}, { limit: 300_000 });
}

await run(stopAll);
