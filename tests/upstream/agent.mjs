#!/usr/bin/env node
// A real agent: AWS's TypeScript SDK (npm bedrock-agentcore), with a handler
// that says what it was told.  What it puts on the wire is the SDK's doing.
//
// Listens on 127.0.0.1 and a free port, or --port N, and prints {"port": N}.
// The directive that upstream.mjs passes on says what to do: [[agent do=X]],
// X being words (raw text), dict (objects), lines (text with line ends in
// it), json or text (no stream), midthrow, throw.

import { parseArgs } from "node:util";
import { Writable } from "node:stream";
import { BedrockAgentCoreApp } from "bedrock-agentcore/runtime";
import { LEAK } from "./secrets.mjs";

// The SDK says where it listens in its log only.
const log = new Writable({
	write(chunk, _, done) {
		const at = /Server listening at http:\/\/127\.0\.0\.1:(\d+)/.exec(chunk);
		if (at)
			console.log(JSON.stringify({ port: Number(at[1]) }));
		done();
	},
});

const STREAMS = {
	async *words(prompt) {
		for (const word of prompt.match(/\S+\s*/g) ?? [])
			yield word;
	},
	async *dict() {
		yield { text: "甲" };
		yield { type: "status", message: "thinking" };
		yield { event: "message", data: { text: "乙🎉" } };
		yield 42;
	},
	async *lines() {
		yield "two\nlines";
		yield " leading";
		yield "";
		yield "tail\n\n";
		yield "data: fake";
		yield "event: error";
	},
	async *midthrow() {
		yield "one ";
		yield "two ";
		throw new Error(LEAK);
	},
};

const app = new BedrockAgentCoreApp({
	config: { logging: { options: { level: "info", stream: log } } },
	invocationHandler: {
		async process(request, context) {
			const prompt = String(request.prompt);
			const mode = /\[\[agent (?:[^\]]* )?do=([a-z]+)/.exec(prompt)?.[1];
			if (mode === "json")
				return { result: "JSON answer こんにちは 🎉", session: context.sessionId };
			if (mode === "text")
				return "plain string answer こんにちは";
			if (mode === "throw")
				throw new Error(LEAK);
			return (STREAMS[mode] ?? STREAMS.words)(prompt);
		},
	},
});

const { values } = parseArgs({ options: { port: { type: "string" } } });
app.run({ host: "127.0.0.1", port: Number(values.port ?? 0) });
