// Connections between web server and agentcgi that are kept, silent, slow or
// broken: none of them delays anybody else.

import fs from "node:fs";
import net from "node:net";
import { startBed } from "../lib/servers.mjs";
import { assertStream } from "../lib/check.mjs";
import { stopAll, until } from "../lib/proc.mjs";
import { assert, note, run, test } from "../lib/tap.mjs";

// The shipped files do not keep connections; these lines make them do so.
const KEEPING = {
	nginx: (text) => text.replace(/fastcgi_pass unix:.*;/,
		"fastcgi_pass kept;\n\tfastcgi_keep_conn on;"),
	apache: (text) => text.replace("flushpackets=on timeout", "flushpackets=on enablereuse=on timeout"),
};

const startKeeping = (front) => startBed({
	front,
	change: KEEPING[front],
	changeServer: (text, bed) => text.replace("access_log off;",
		`$&\n  upstream kept { server unix:${bed.socket}; keepalive 16; }`),
});

for (const front of Object.keys(KEEPING)) {
	test(`${front}: idle kept connections delay nobody`, async () => {
		const bed = await startKeeping(front);
		// As many as the server keeps.
		const replies = await Promise.all(Array.from({ length: 16 }, () => bed.answer("hi")));
		replies.forEach((reply) => assertStream(reply));
		const kept = connections(bed.agentcgi.pid);
		note(`${kept} connections are kept`);
		assert.ok(kept >= 1, "the server keeps connections");
		// All at once, more than are kept; none waits for another.
		const streams = await Promise.all(Array.from({ length: 40 }, (_, i) =>
			bed.ask(`[[sse n=2 gate stream=kept-${i}]]`)));
		for (const [i, stream] of streams.entries()) {
			await bed.upstream.go(`kept-${i}`);
			await stream.spoken(1);
		}
		for (const [i, stream] of streams.entries()) {
			await bed.upstream.go(`kept-${i}`);
			assertStream(await stream.ended);
		}
		await bed.stop();
	});

	test(`${front}: agentcgi is started again behind kept connections`, async () => {
		const bed = await startKeeping(front);
		for (let i = 0; i < 3; i++) {
			assertStream(await bed.answer("hi"));
			bed.agentcgi.kill("SIGTERM");
			await bed.agentcgi.exited;
			await bed.startAgentcgi();
		}
		assertStream(await bed.answer("hi"));
		await bed.stop();
	});

	test(`${front}: who leaves a stream on a kept connection is noticed`, async () => {
		const bed = await startKeeping(front);
		bed.writeConfig({ keepalive: "1s" });
		bed.agentcgi.kill("SIGHUP");
		assertStream(await bed.answer("hi"));
		const reply = await bed.ask("[[silence stream=gone]]");
		await reply.spoken(1);
		reply.leave();
		await bed.streamUntil("gone", (s) => s.ended === "peer", "is let go");
		assertStream(await bed.answer("hi"));
		await bed.stop();
	});
}

// How many sockets a process has besides listening ones, and pairs of its own.
function connections(pid) {
	const inodes = new Set(fs.readdirSync(`/proc/${pid}/fd`).map((fd) => {
		try {
			return /^socket:\[(\d+)\]$/.exec(fs.readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
		} catch {
			return undefined;
		}
	}));
	// Accepted ones carry the path of the listening socket: state 03.
	return fs.readFileSync("/proc/net/unix", "utf8").split("\n")
		.map((line) => line.trim().split(/\s+/))
		.filter((f) => f[7] && f[5] === "03" && inodes.has(f[6])).length;
}

// A FastCGI record of request 1.
function record(type, content) {
	const head = Buffer.alloc(8);
	head.writeUInt8(1, 0);
	head.writeUInt8(type, 1);
	head.writeUInt16BE(1, 2);
	head.writeUInt16BE(content.length, 4);
	return Buffer.concat([head, content]);
}

function pair(name, value) {
	return Buffer.concat([Buffer.from([name.length, value.length]), Buffer.from(name + value)]);
}

const BEGIN = record(1, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0]));
const PARAMS = Buffer.concat([
	record(4, Buffer.concat([pair("REQUEST_METHOD", "POST"), pair("REQUEST_URI", "/api/invoke"),
		pair("CONTENT_TYPE", "text/plain")])),
	record(4, Buffer.alloc(0)),
]);

// Peers that speak FastCGI badly, straight to agentcgi's socket.
const PEERS = {
	"silent from the start": [],
	"with half a header": [BEGIN.subarray(0, 5)],
	"without parameters": [BEGIN],
	"with half of the parameters": [BEGIN, PARAMS.subarray(0, 30)],
	"without a body": [BEGIN, PARAMS],
	"with half of a large body": [BEGIN, PARAMS, ...Array(3).fill(record(5, Buffer.alloc(60_000)))],
};

test("peers that are silent or slow delay nobody, and are not waited for without end", async () => {
	const bed = await startBed({ front: "lighttpd" });
	const peers = [];
	for (const pieces of Object.values(PEERS)) {
		for (let i = 0; i < 40; i++) {
			const peer = net.connect(bed.socket);
			peer.on("error", () => {});
			pieces.forEach((piece) => peer.write(piece));
			peers.push(peer);
		}
	}
	// One more that never stops sending, a byte now and then.
	const dribble = net.connect(bed.socket);
	dribble.on("error", () => {});
	dribble.write(Buffer.concat([BEGIN, PARAMS]));
	const drip = setInterval(() => dribble.write(record(5, Buffer.from("x"))), 100);
	const large = "x".repeat(60_000);
	for (let i = 0; i < 5; i++) {
		assertStream(await bed.answer("hi"));
		assertStream(await bed.answer(large));
	}
	// 10 s for a first byte, 15 s for a next one.
	let open = peers.length;
	peers.forEach((peer) => {
		peer.resume();
		peer.on("close", () => open--);
	});
	await until(() => open === 0, "all of them to be closed", 90_000);
	assertStream(await bed.answer("hi"));
	clearInterval(drip);
	dribble.destroy();
	await bed.stop();
}, { limit: 180_000 });

// libfcgi aborts if it is asked for that much memory.
const HUGE = [BEGIN, record(4, Buffer.from("fffffffefffffffe", "hex")),
	record(4, Buffer.alloc(0)), record(5, Buffer.alloc(0))];

for (const [name, pieces] of Object.entries({ ...PEERS, "having lied of lengths": HUGE })) {
	test(`a peer that closes, ${name}`, async () => {
		const bed = await startBed({ front: "lighttpd" });
		for (let i = 0; i < 20; i++) {
			const peer = net.connect(bed.socket);
			peer.on("error", () => {});
			pieces.forEach((piece) => peer.write(piece));
			peer.end();
			await new Promise((resolve) => peer.once("close", resolve).resume());
		}
		assertStream(await bed.answer("hi"));
		bed.agentcgi.kill("SIGTERM");
		assert.deepEqual(await bed.agentcgi.exited, { code: 0, signal: null });
		await bed.stop();
	});
}

await run(stopAll);
