// Signals, and sudden deaths in mid-stream: of the upstream, of the web
// server, of agentcgi.  What the client sees is written in docs/wire.md.

import fs from "node:fs";
import { EXTERNAL, FRONTS, SERVICES, frontOf, spawnUpstream, startBed } from "../lib/servers.mjs";
import { assertFailedStream, assertStream } from "../lib/check.mjs";
import { descendants, isAlive, kill, stopAll, until } from "../lib/proc.mjs";
import { assert, note, run, test } from "../lib/tap.mjs";

// A stream that has said one of its three things and waits for a go.
async function speaking(bed, name) {
	const reply = await bed.ask(`[[sse n=3 gate stream=${name}]]`);
	await bed.upstream.go(name);
	await reply.spoken(1);
	return reply;
}

async function restOf(bed, reply, name) {
	await bed.upstream.go(name);
	await reply.spoken(2);
	await bed.upstream.go(name);
	assertStream(await reply.ended);
	assert.equal(reply.said.length, 3);
}

const qualifierOf = async (bed) => {
	await bed.answer("hi");
	return (await bed.upstream.requests()).at(-1).query.qualifier;
};

test("a socket passed by systemd, on descriptor 3", async () => {
	// The file names another address, so only the one passed can answer.
	const bed = await startBed({ activated: true,
		globals: { listen: "unix:/nowhere/to/be/found.sock" } });
	assertStream(await bed.answer("hi"));
	await bed.stop();
});

for (const front of SERVICES) {
	test(`${front}: SIGHUP brings the new settings, running streams go on`, async () => {
		const bed = await startBed({ front });
		const reply = await speaking(bed, "hup");
		assert.equal(await qualifierOf(bed), "DEFAULT");
		bed.writeConfig({}, { default: { qualifier: "NEW" } });
		const [pid] = bed.agentcgiPids();
		process.kill(pid, "SIGHUP");
		await until(async () => (await qualifierOf(bed)) === "NEW", "the new qualifier");
		await restOf(bed, reply, "hup");
		assert.deepEqual(bed.agentcgiPids(), [pid]);
		await bed.stop();
	});

	test(`${front}: SIGHUP with a broken file ends nothing`, async () => {
		const bed = await startBed({ front });
		const reply = await speaking(bed, "broken");
		fs.writeFileSync(bed.configPath, "no_such_key = 1\n");
		const [pid] = bed.agentcgiPids();
		process.kill(pid, "SIGHUP");
		if (bed.agentcgi)
			await until(() => bed.log().includes("no_such_key"), "the log to name it");
		await restOf(bed, reply, "broken");
		assert.ok(isAlive(pid));
		bed.writeConfig({}, { default: { qualifier: "REPAIRED" } });
		process.kill(pid, "SIGHUP");
		await until(async () => (await qualifierOf(bed)) === "REPAIRED", "the repaired file");
		await bed.stop();
	});
}

for (const front of EXTERNAL) {
	test(`${front}: SIGTERM lets running streams end, and takes no new ones`, async () => {
		const bed = await startBed({ front });
		const reply = await speaking(bed, "drain");
		bed.agentcgi.kill("SIGTERM");
		await until(async () => (await bed.answer("hi")).status >= 500, "new ones to be refused");
		assert.equal(bed.agentcgi.ended, null);
		await restOf(bed, reply, "drain");
		assert.deepEqual(await bed.agentcgi.exited, { code: 0, signal: null });
		await bed.stop();
	});

	test(`${front}: SIGTERM ends what lasts longer than drain_timeout, with done`, async () => {
		const bed = await startBed({ front, globals: { drain_timeout: "1s" } });
		const reply = await speaking(bed, "late");
		const silent = await bed.ask("[[silence stream=late-silent]]");
		await silent.spoken(1);
		bed.agentcgi.kill("SIGTERM");
		for (const r of [reply, silent]) {
			await r.ended;
			assert.equal(r.events.at(-1).event, "done", r.text);
			const { reason } = r.data("done");
			assert.ok(["stopped", "error", "limit"].includes(reason), reason);
			assert.equal(r.cut, false);
		}
		assert.equal((await bed.agentcgi.exited).signal, null);
		await bed.streamUntil("late", (s) => s.ended === "peer", "is let go");
		await bed.stop();
	});

	test(`${front}: SIGTERM with nothing to do ends at once, code 0`, async () => {
		const bed = await startBed({ front });
		assertStream(await bed.answer("hi"));
		bed.agentcgi.kill("SIGTERM");
		assert.deepEqual(await bed.agentcgi.exited, { code: 0, signal: null });
		await bed.stop();
	});
}

for (const front of FRONTS.filter((f) => !SERVICES.includes(f))) {
	test(`${front}: SIGTERM: done within 3 s, and the process is gone`, async () => {
		const bed = await startBed({ front });
		const reply = await speaking(bed, "cgi");
		const [pid] = bed.agentcgiPids();
		assert.ok(pid);
		const told = Date.now();
		process.kill(pid, "SIGTERM");
		// The upstream stays silent: only the signal can be the cause.
		await reply.ended;
		note(`done after ${Date.now() - told} ms; the contract says within 3 s`);
		assert.equal(reply.events.at(-1).event, "done", reply.text);
		await until(() => !isAlive(pid), "the process to end");
		await bed.streamUntil("cgi", (s) => s.ended === "peer", "is let go");
		await bed.stop();
	});
}

for (const front of FRONTS) {
	test(`${front}: kill -9 of the upstream: error, then done`, async () => {
		const upstream = await spawnUpstream();
		const bed = await startBed({ front, upstream });
		const reply = await speaking(bed, "dead");
		upstream.process.kill("SIGKILL");
		assertFailedStream(await reply.ended, "upstream_error");
		await bed.stop();
	});

	test(`${front}: kill -9 of the web server: cut, and the upstream is let go`, async () => {
		const bed = await startBed({ front, globals: { keepalive: "1s" } });
		const reply = await speaking(bed, "web");
		const ours = bed.agentcgiPids();
		const pids = [bed.web.pid, ...descendants(bed.web.pid)] // workers, too
			.filter((pid) => !ours.includes(pid));
		pids.forEach((pid) => kill(pid, "SIGKILL"));
		await reply.ended;
		assert.equal(reply.cut, true);
		assert.equal(reply.named("done").length, 0);
		await bed.streamUntil("web", (s) => s.ended === "peer", "is let go");
		if (bed.agentcgi)
			assert.equal(bed.agentcgi.ended, null);
		for (const pid of bed.agentcgiPids())
			kill(pid, "SIGKILL");
		await bed.stop();
	});

	test(`${front}: kill -9 of agentcgi: the stream ends without done`, async () => {
		const bed = await startBed({ front });
		const reply = await speaking(bed, "self");
		const pids = bed.agentcgiPids();
		assert.ok(pids.length >= 1);
		pids.forEach((pid) => kill(pid, "SIGKILL"));
		await reply.ended;
		const { crash } = frontOf(front);
		assert.equal(reply.cut, crash === "cut");
		assert.equal(/<html/i.test(reply.text), crash === "page", reply.text.slice(-300));
		assert.equal(reply.named("done").length, 0);
		assert.equal(reply.said.length, 1);
		await bed.streamUntil("self", (s) => s.ended === "peer", "is let go");
		await bed.stop();
	});
}

test("lighttpd-spawn: a killed agentcgi is started again", async () => {
	const bed = await startBed({ front: "lighttpd-spawn" });
	const [pid] = bed.agentcgiPids();
	process.kill(pid, "SIGKILL");
	await until(async () => (await bed.answer("hi")).status === 200, "it to serve again");
	assert.notEqual(bed.agentcgiPids()[0], pid);
	await bed.stop();
});

test("agentcgi started again on the same socket", async () => {
	const bed = await startBed({ front: "nginx" });
	for (const signal of ["SIGKILL", "SIGTERM"]) {
		bed.agentcgi.kill(signal);
		await bed.agentcgi.exited;
		await bed.startAgentcgi();
		assertStream(await bed.answer("hi"));
	}
	await bed.stop();
});

await run(stopAll);
