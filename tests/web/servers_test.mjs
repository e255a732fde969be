// What an administrator does to a web server while people are being answered:
// reload, graceful restart, restart.  Where a server cuts streams, the test
// says so; docs/webservers.md has the table.

import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { ALL_FRONTS, FRONTS, frontOf, lazyBed, startBed } from "../lib/servers.mjs";
import { assertFailedStream, assertStream } from "../lib/check.mjs";
import { runToEnd, stopAll, until } from "../lib/proc.mjs";
import { fetchAll, h2Session, open } from "../lib/sse.mjs";
import { assert, note, run, test } from "../lib/tap.mjs";

async function speaking(bed, name) {
	const reply = await bed.ask(`[[sse n=3 gate stream=${name}]]`);
	await bed.upstream.go(name);
	await reply.spoken(1);
	return reply;
}

async function caddyReload(bed) {
	const done = await runToEnd(["caddy", "reload", "--adapter", "caddyfile",
		"--config", path.join(bed.dir, "front.conf"),
		"--address", `unix/${path.join(bed.dir, "admin")}`]);
	assert.equal(done.code, 0, done.err);
}

// A server that has been told something else answers a little later.
const served = (bed) => until(async () => (await bed.answer("hi")).status === 200,
	"a new request to be served", 60_000);

// A field that only the new configuration adds to what the server serves.
const MARK = {
	apache: (text) => `${text}\nHeader set X-Generation 2\n`,
	nginx: (text) => text.replace("access_log off;", "$& add_header X-Generation 2;"),
	caddy: (text) => text.replace("file_server\n", "file_server\n\theader X-Generation 2\n"),
};

async function reloadConfiguration(bed, tell) {
	const file = path.join(bed.dir, "front.conf");
	fs.writeFileSync(file, MARK[bed.front.server](fs.readFileSync(file, "utf8")));
	await tell(bed);
	await until(async () => (await fetchAll(`${bed.origin}/bed.txt`))
		.headers["x-generation"] === "2", "the new configuration", 60_000);
}

// lighttpd's SIGHUP reopens its logs and no more.
async function rotateLogs(bed) {
	const log = path.join(bed.dir, "front.log");
	fs.renameSync(log, `${log}.1`);
	bed.web.kill("SIGHUP");
	await until(() => fs.existsSync(log), "a new log");
}

// How it is done, by server, for running streams that are to survive.
const RELOAD = {
	apache: (bed) => reloadConfiguration(bed, () => bed.web.kill("SIGUSR1")),
	nginx: (bed) => reloadConfiguration(bed, () => bed.web.kill("SIGHUP")),
	lighttpd: rotateLogs,
	caddy: (bed) => reloadConfiguration(bed, caddyReload),
};

for (const front of ALL_FRONTS) {
	const { server, kind } = frontOf(front);
	if (!RELOAD[server] || kind === "fcgid")
		continue;
	test(`${front}: a reload lets streams go on, and new ones begin`, async () => {
		const bed = await startBed({ front });
		const reply = await speaking(bed, "reload");
		await RELOAD[server](bed);
		await served(bed);
		await bed.upstream.go("reload");
		await reply.spoken(2);
		await served(bed);
		await bed.upstream.go("reload");
		assertStream(await reply.ended);
		assert.equal(reply.said.length, 3);
		await bed.stop();
	});
}

for (const front of FRONTS.filter((f) => frontOf(f).kind === "fcgid")) {
	test(`${front}: a graceful restart ends streams, with done`, async () => {
		const bed = await startBed({ front });
		const reply = await speaking(bed, "graceful");
		const told = Date.now();
		bed.web.kill("SIGUSR1");
		await reply.ended;
		note(`done ${Date.now() - told} ms after the signal`);
		assert.equal(reply.events.at(-1).event, "done", reply.text);
		assert.equal(reply.cut, false);
		await bed.streamUntil("graceful", (s) => s.ended === "peer", "is let go");
		await served(bed);
		await bed.stop();
	}, { limit: 180_000 });
}

for (const front of FRONTS.filter((f) => frontOf(f).server === "apache")) {
	test(`${front}: a restart cuts streams, and serves again`, async () => {
		const bed = await startBed({ front, globals: { keepalive: "1s" } });
		const reply = await speaking(bed, "restart");
		bed.web.kill("SIGHUP");
		await reply.ended;
		assert.equal(reply.cut, true);
		await bed.streamUntil("restart", (s) => s.ended === "peer", "is let go");
		await served(bed);
		await bed.stop();
	}, { limit: 180_000 });
}

for (const front of FRONTS.filter((f) => frontOf(f).server === "lighttpd")) {
	test(`${front}: SIGUSR1 cuts streams after graceful-shutdown-timeout`, async () => {
		const bed = await startBed({ front, globals: { keepalive: "1s" },
			changeServer: (text) => `${text}
server.feature-flags += ( "server.graceful-shutdown-timeout" => 2 )
` });
		const reply = await speaking(bed, "usr1");
		bed.web.kill("SIGUSR1");
		await reply.ended;
		// A spawned agentcgi is told as well, and may be first.
		if (reply.named("done").length === 0)
			assert.equal(reply.cut, true);
		else
			assertFailedStream(reply, reply.data("error").error.code);
		// That agentcgi is told is not certain: once in 40 times this lighttpd
		// forgets its own end of the connection, and leaves it open.
		await served(bed);
		await bed.stop();
	});
}

for (const front of FRONTS.filter((f) => ["nginx", "h2o"].includes(f))) {
	test(`${front}: a graceful stop lets streams go on to their end`, async () => {
		const bed = await startBed({ front });
		const reply = await speaking(bed, "quit");
		bed.web.kill(front === "nginx" ? "SIGQUIT" : "SIGTERM");
		await until(() => bed.answer("hi").then(() => false, () => true), "new ones to be refused");
		await bed.upstream.go("quit", 2);
		assertStream(await reply.ended);
		assert.equal(reply.said.length, 3);
		await bed.stop();
	});
}

// Whatever the site compresses: events come one by one, and as they are.
for (const front of ALL_FRONTS) {
	const start = lazyBed({ front, compress: true });

	test(`${front}: a server that compresses everything lets events through`, async () => {
		const bed = await start();
		const name = `squeeze-${front}`;
		const reply = await bed.ask(`[[sse n=4 gate stream=${name}]]`,
			{ headers: { "accept-encoding": "gzip, deflate, br, zstd" } });
		for (let i = 0; i < 4; i++) {
			await bed.upstream.go(name);
			await reply.spoken(i + 1);
			assert.equal(reply.said.length, i + 1);
		}
		assertStream(await reply.ended);
		assert.equal(reply.headers["content-encoding"], undefined);
		await bed.stop();
	});
}

// On one connection of HTTP/2, some servers serve a few at a time.
const AT_A_TIME = { lighttpd: 8, apache: 6 };
const MANY = 12;
// What they say themselves; docs/webservers.md has the lesser of the two.
const PROMISED = { apache: 100, caddy: 250, h2o: 100, lighttpd: 8, nginx: 128 };

for (const front of ALL_FRONTS.filter((f) => frontOf(f).h2)) {
	const most = AT_A_TIME[frontOf(front).server] ?? MANY;

	test(`${front}: ${MANY} streams on one connection, ${most} at a time`, async () => {
		const bed = await startBed({ front });
		const session = h2Session(bed.url);
		const [settings] = await once(session, "remoteSettings");
		assert.equal(settings.maxConcurrentStreams, PROMISED[frontOf(front).server]);
		const replies = [];
		for (let i = 0; i < MANY; i++)
			open(`${bed.url}/invoke`, { session, body: { prompt: `[[sse n=1 gate stream=s${i}]]` } })
				.then((reply) => (replies[i] = reply));
		const begun = () => replies.filter(Boolean);
		await until(() => begun().length >= most, `${most} to begin`);
		assert.equal((await bed.upstream.stats()).open, most);
		const released = new Set();
		await until(async () => {
			for (const i of replies.keys()) {
				if (replies[i] && !released.has(i)) {
					released.add(i);
					await bed.upstream.go(`s${i}`);
				}
			}
			return released.size === MANY && begun().every((reply) => reply.finished);
		}, "all to end");
		replies.forEach((reply) => assertStream(reply));
		session.destroy();
		await bed.stop();
	});
}

await run(stopAll);
