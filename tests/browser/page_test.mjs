// The page in a real browser: chromium -> lighttpd -> agentcgi -> upstream.
//
// No clocks: the upstream's events are let go one by one, and what the page
// makes of each is waited for.  What no server of ours would say on purpose
// (a cut stream, a proxy's HTML) is said by a route in the browser.

import fs from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";
import { startBed } from "../lib/servers.mjs";
import { stopAll, temporary } from "../lib/proc.mjs";
import { assert, run, test } from "../lib/tap.mjs";

const HTDOCS = new URL("../../htdocs/", import.meta.url);
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
	"--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
	"--disable-background-networking", "--disable-component-update",
	"--disable-sync",
];
const PATIENCE_MS = 20_000;
/* What chromium logs itself when a request is refused. */
const REFUSED = /^Failed to load resource/;

const bed = await startBed({ front: process.env.PAGE_FRONT ?? "lighttpd" });
fs.cpSync(HTDOCS, bed.docroot, { recursive: true });
const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS,
	env: { ...process.env, HOME: temporary() } });

/* Runs in the page before its own scripts. */
function watch() {
	window.violations = [];
	document.addEventListener("securitypolicyviolation", (e) =>
		window.violations.push(`${e.violatedDirective} ${e.blockedURI}`));
	window.steps = [];
	document.addEventListener("DOMContentLoaded", () => {
		new MutationObserver(() => {
			const answer = [...document.querySelectorAll(".answer")].at(-1);
			const text = answer?.textContent ?? "";
			if (text !== window.steps.at(-1))
				window.steps.push(text);
		}).observe(document.body,
			{ childList: true, characterData: true, subtree: true });
	});
}

/* A test with a fresh page, which must end without a violation of the
 * policy, an error or a word on the console but those that allow matches. */
function pageTest(name, fn, { allow, ...options } = {}) {
	test(name, async () => {
		await bed.upstream.reset();
		const context = await browser.newContext({ locale: "en-GB", ...options });
		context.setDefaultTimeout(PATIENCE_MS);
		const said = [];
		context.on("weberror", (e) => said.push(String(e.error())));
		context.on("console", (m) => said.push(m.text()));
		try {
			const page = await context.newPage();
			await page.addInitScript(watch);
			await page.goto(`${bed.origin}/index.html`);
			// Who types before that makes chromium complain.
			await page.locator("#prompt:focus").waitFor();
			await fn(page, context);
			if (options.javaScriptEnabled !== false)
				assert.deepEqual(await page.evaluate("window.violations"), []);
			assert.deepEqual(said.filter((s) => !allow?.test(s)), []);
		} finally {
			await context.close();
		}
	});
}

const prompt = (page) => page.locator("#prompt");
const answer = (page) => page.locator(".answer").last();
const status = (page) => page.locator("#status");

async function send(page, text) {
	await prompt(page).fill(text);
	await prompt(page).press("Enter");
}

const has = (locator, text) =>
	locator.filter({ hasText: text }).waitFor();

const complete = (page) => has(status(page), "Answer complete.");

const isFocused = (locator) =>
	locator.evaluate((node) => node === document.activeElement);

async function requests() {
	return (await bed.upstream.stats()).requests;
}

// The page's next request is answered with this.
async function answerWith(page, reply) {
	await page.route("**/api/invoke", (route) => route.fulfill(reply),
		{ times: 1 });
}

const streamed = (...events) => ({
	status: 200,
	contentType: "text/event-stream; charset=utf-8",
	headers: { "X-Request-Id": "request-1" },
	body: events.map(([name, data]) =>
		`${name ? `event: ${name}\n` : ""}data: ${JSON.stringify(data)}\n\n`)
		.join(""),
});

/* --- a turn --- */

pageTest("an empty page: ready to type, nothing to stop", async (page) => {
	assert.equal(await page.title(), "Ask the agent");
	assert.equal(await isFocused(prompt(page)), true);
	assert.equal(await page.locator("#send").isVisible(), true);
	assert.equal(await page.locator("#stop").isVisible(), false);
	assert.equal(await page.locator("#renew").isVisible(), false);
	assert.equal(await page.locator("#hint").isVisible(), true);
	await prompt(page).press("Enter");
	await prompt(page).fill(" \n ");
	await prompt(page).press("Enter");
	assert.equal(await page.locator(".turn").count(), 0);
	assert.equal(await requests(), 0);
});

pageTest("the answer grows with every event", async (page) => {
	await send(page, "[[sse n=4 gate stream=grow]]");
	for (let i = 0; i < 4; i++) {
		await bed.upstream.go("grow");
		await has(answer(page), new RegExp(`:${i}\\] *$`));
		if (i === 3)
			break;
		assert.equal(await answer(page).getAttribute("aria-busy"), "true");
		assert.equal(await status(page).textContent(), "Answering…");
		assert.equal(await page.locator("#stop").isVisible(), true);
		assert.equal(await page.locator("#send").isVisible(), false);
	}
	await complete(page);
	assert.equal(await answer(page).getAttribute("aria-busy"), "false");
	assert.equal(await page.locator("#send").isVisible(), true);
	assert.equal(await isFocused(prompt(page)), true);

	const steps = (await page.evaluate("window.steps")).filter(Boolean);
	assert.equal(steps.length, 4);
	for (let i = 1; i < steps.length; i++)
		assert.ok(steps[i].startsWith(steps[i - 1]));
});

pageTest("the button sends, and the words come back", async (page) => {
	await prompt(page).fill("one two  three\nfour");
	await page.locator("#send").click();
	await complete(page);
	assert.equal(await answer(page).textContent(), "one two  three\nfour");
	assert.equal(await page.locator(".question").textContent(),
		"one two  three\nfour");
	assert.equal(await prompt(page).inputValue(), "");
	assert.equal(await isFocused(prompt(page)), true);
});

pageTest("Shift+Enter starts a new line, Enter sends", async (page) => {
	await prompt(page).pressSequentially("one");
	await prompt(page).press("Shift+Enter");
	await prompt(page).pressSequentially("two");
	assert.equal(await page.locator(".turn").count(), 0);
	await prompt(page).press("Enter");
	await complete(page);
	assert.equal(await answer(page).textContent(), "one\ntwo");
});

pageTest("Enter that accepts a word of an input method does not send",
	async (page, context) => {
		const cdp = await context.newCDPSession(page);
		await cdp.send("Input.imeSetComposition",
			{ text: "にほんご", selectionStart: 4, selectionEnd: 4 });
		assert.equal(await prompt(page).inputValue(), "にほんご");
		const enter = { key: "Enter", code: "Enter", windowsVirtualKeyCode: 13 };
		await cdp.send("Input.dispatchKeyEvent", { type: "rawKeyDown", ...enter });
		await cdp.send("Input.dispatchKeyEvent", { type: "keyUp", ...enter });
		assert.equal(await page.locator(".turn").count(), 0);
		await cdp.send("Input.insertText", { text: "日本語" });

		// Safari: the composition is over, but the code tells.
		await prompt(page).evaluate((node) =>
			node.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter",
				keyCode: 229, bubbles: true, cancelable: true })));
		assert.equal(await page.locator(".turn").count(), 0);
		assert.equal(await requests(), 0);

		await prompt(page).press("Enter");
		await complete(page);
		assert.equal(await answer(page).textContent(), "日本語");
	});

pageTest("characters of several bytes, byte by byte", async (page) => {
	await send(page, "[[jp split]]");
	await complete(page);
	assert.match(await answer(page).textContent(),
		/^こんにちは、世界🌏👨‍👩‍👧‍👦 🇯🇵 が café 𠮷野家/);
	assert.equal(await answer(page).getAttribute("lang"), "ja");
});

for (const [mode, text] of [
	["json", "JSON answer こんにちは 🎉"],
	["text", "plain string answer こんにちは\nsecond line"],
	["dict", "甲乙🎉42true"],
]) {
	pageTest(`an agent's answer as ${mode}`, async (page) => {
		await send(page, `[[${mode}]]`);
		await complete(page);
		assert.equal(await answer(page).textContent(), text);
	});
}

pageTest("markup is text", async (page) => {
	const evil = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';
	await send(page, evil);
	await complete(page);
	assert.equal(await answer(page).textContent(), evil);
	assert.equal(await page.locator(".question").textContent(), evil);
	assert.equal(await page.locator("#log img, #log script").count(), 0);
	assert.equal(await page.evaluate("window.pwned"), undefined);
});

/* --- conversations --- */

pageTest("two turns are one session, a new conversation is another",
	async (page) => {
		for (const words of ["first", "second"]) {
			await send(page, words);
			await has(answer(page), words);
			await complete(page);
		}
		await page.locator("#renew").click();
		assert.equal(await page.locator(".turn").count(), 0);
		assert.equal(await status(page).textContent(), "");
		assert.equal(await page.locator("#renew").isVisible(), false);
		assert.equal(await isFocused(prompt(page)), true);
		await send(page, "third");
		await has(answer(page), "third");
		await complete(page);

		const { streams } = await bed.upstream.stats();
		const [a, b, c] = streams.map((s) => s.session);
		assert.equal(streams.length, 3);
		assert.equal(a, b);
		assert.notEqual(a, c);
	});

/* --- ends other than the proper one --- */

pageTest("Stop in silence: the upstream sees the close", async (page) => {
	await send(page, "[[silence n=1 stream=stop]]");
	await has(answer(page), ":0]");
	await bed.streamUntil("stop", (s) => s.waiting, "is silent");
	const before = await answer(page).textContent();
	await page.locator("#stop").click();
	await has(page.locator(".note"), "Stopped.");
	await bed.streamUntil("stop", (s) => s.ended === "peer", "is closed");
	assert.equal(await answer(page).textContent(), before);
	assert.equal(await status(page).textContent(), "Stopped.");
	assert.equal(await page.locator(".error").count(), 0);
	assert.equal(await isFocused(prompt(page)), true);

	await send(page, "again");
	await has(answer(page), "again");
	await complete(page);
});

pageTest("Stop before the answer has begun", async (page) => {
	await send(page, "[[never stream=early]]");
	await bed.streamUntil("early", (s) => s.open, "is open");
	await page.locator("#stop").click();
	await has(page.locator(".note"), "Stopped.");
	await bed.streamUntil("early", (s) => s.ended === "peer", "is closed");
	assert.equal(await page.locator(".error").count(), 0);
});

pageTest("a new conversation stops the answer under way", async (page) => {
	await send(page, "[[silence n=1 stream=left]]");
	await has(answer(page), ":0]");
	await page.locator("#renew").click();
	await bed.streamUntil("left", (s) => s.ended === "peer", "is closed");
	assert.equal(await page.locator("#log").textContent(), "");
	assert.equal(await page.locator("#send").isVisible(), true);
	await send(page, "fresh");
	await complete(page);
	assert.equal(await page.locator(".turn").count(), 1);
	assert.equal(await answer(page).textContent(), "fresh");
});

pageTest("Enter while an answer runs keeps the words", async (page) => {
	await send(page, "[[silence n=1 stream=busy]]");
	await has(answer(page), ":0]");
	await send(page, "next");
	assert.equal(await page.locator(".turn").count(), 1);
	assert.equal(await prompt(page).inputValue(), "next");
	await bed.upstream.go("busy");
	await complete(page);
	await prompt(page).press("Enter");
	await has(answer(page), "next");
});

pageTest("an upstream that refuses: the server's words and its id",
	async (page) => {
		const replied = page.waitForResponse("**/api/invoke");
		await send(page, "[[status code=403]]");
		const reply = await replied;
		const { error } = await reply.json();
		await has(page.locator(".error"), error.message);
		assert.equal(reply.status(), 502);
		assert.equal(await page.locator(".error code").textContent(),
			error.requestId);
		assert.equal(await page.getByRole("alert").count(), 1);
		assert.equal(await answer(page).textContent(), "");
		assert.equal(await answer(page).getAttribute("aria-busy"), "false");
		assert.equal(await prompt(page).inputValue(), "[[status code=403]]");
		assert.equal(await page.locator("#send").isVisible(), true);
	}, { allow: REFUSED });

pageTest("an agent that fails in its answer", async (page) => {
	await send(page, "[[midthrow-py n=2]]");
	await has(page.locator(".error"), "The agent");
	assert.match(await answer(page).textContent(), /:1\] $/);
	assert.match(await page.locator(".error code").textContent(), /\S{8}/);
	assert.equal(await prompt(page).inputValue(), "");
});

pageTest("an upstream that breaks off", async (page) => {
	await send(page, "[[reset n=2]]");
	await page.locator(".error").waitFor();
	assert.match(await answer(page).textContent(), /:1\] $/);
});

const DONE = ["done", { reason: "complete" }];
const ENDS = [
	["a stream without done was cut off",
		streamed(["", "half"]), "half",
		/^The answer was cut off: .* Request request-1$/],
	["an error event, and its id", streamed(["", "half"],
		["error", { error: { message: "It burns.", requestId: "r-9" } }],
		["done", { reason: "error" }]), "half", /^It burns\. Request r-9$/],
	["an error event without the end", streamed(
		["error", { error: { message: "It burns." } }]), "",
		/^It burns\. Request request-1$/],
	["done for an error that nobody told", streamed(
		["done", { reason: "error" }]), "", /^The agent failed\./],
	["a page instead of a stream",
		{ status: 200, contentType: "text/html", body: "<h1>Sign in</h1>" },
		"", /^The server answered with something other than a stream\.$/],
	["a proxy's own error page",
		{ status: 504, contentType: "text/html", body: "<h1>504</h1>" },
		"", /^The server refused: status 504\.$/],
	["a server that is busy", { status: 503, headers: { "Retry-After": "7" },
		json: { error: { code: "overloaded", message: "This server is busy.",
			requestId: "r-7" } } }, "",
		/^This server is busy\. Try again in 7 s\. Request r-7$/],
	["an error of the wrong shape",
		{ status: 500, json: { error: { message: 5, requestId: {} } } },
		"", /^The server refused: status 500\.$/],
];
for (const [name, reply, said, words] of ENDS) {
	pageTest(`in words: ${name}`, async (page) => {
		await answerWith(page, reply);
		await send(page, "a question");
		await page.locator(".error").waitFor();
		assert.match(await page.locator(".error").textContent(), words);
		assert.equal(await answer(page).textContent(), said);
		assert.equal(await status(page).textContent(), "");
		assert.equal(await prompt(page).inputValue(),
			said === "" ? "a question" : "");
	}, { allow: REFUSED });
}

pageTest("in words: no server", async (page) => {
	await page.route("**/api/invoke", (route) =>
		route.abort("connectionrefused"));
	await send(page, "a question");
	await has(page.locator(".error"), "The server could not be reached.");
}, { allow: REFUSED });

for (const [name, reply, note] of [
	["a limit", streamed(["", "half"], ["done", { reason: "limit" }]),
		"The answer reached its limit and ends here."],
	["stopped by another", streamed(["", "half"],
		["done", { reason: "stopped" }]), "Stopped."],
	["nothing said", streamed(DONE),
		"The agent ended without saying anything."],
]) {
	pageTest(`in words: ${name}`, async (page) => {
		await answerWith(page, reply);
		await send(page, "a question");
		await has(page.locator(".note"), note);
		assert.equal(await page.locator(".error").count(), 0);
	});
}

pageTest("a web server that dies in the answer", async (page) => {
	const other = await startBed({ upstream: bed.upstream });
	fs.cpSync(HTDOCS, other.docroot, { recursive: true });
	await page.goto(`${other.origin}/index.html`);
	await send(page, "[[silence n=1 stream=dies]]");
	await has(answer(page), ":0]");
	await other.stop();
	await has(page.locator(".error"), "The answer was cut off");
	assert.match(await answer(page).textContent(), /:0\] $/);
}, { allow: REFUSED });

/* --- readers --- */

pageTest("320 px wide: nothing to scroll sideways", async (page) => {
	await answerWith(page, streamed(["", "word".repeat(100)],
		["error", { error: { message: "No. ".repeat(20),
			requestId: "0123456789".repeat(8) } }],
		["done", { reason: "error" }]));
	await send(page, `https://example.org/${"a".repeat(200)}`);
	await page.locator(".error").waitFor();
	assert.equal(await page.evaluate("innerWidth"), 320);
	assert.ok(await page.evaluate(() => {
		const { scrollWidth, clientWidth } = document.documentElement;
		return scrollWidth <= clientWidth;
	}));
}, { viewport: { width: 320, height: 568 } });

pageTest("the page follows a reader at its end, and no other", async (page) => {
	const top = () => page.evaluate("window.scrollY");
	const below = () => page.evaluate(
		"document.documentElement.scrollHeight - scrollY - innerHeight");
	/* until the page's scroll listener has run */
	const frames = () => page.evaluate(() => new Promise((resolve) =>
		requestAnimationFrame(() => requestAnimationFrame(resolve))));

	await send(page, "[[big k=8]]");
	await complete(page);
	assert.ok(await top() > 0);
	assert.ok(await below() < 2);

	await send(page, "[[sse n=3 gate stream=scroll]]");
	await bed.upstream.go("scroll");
	await has(answer(page), ":0]");
	assert.ok(await below() < 2);
	await page.evaluate("window.scrollTo(0, 0)");
	await frames();
	await bed.upstream.go("scroll");
	await has(answer(page), ":1]");
	await frames();
	assert.equal(await top(), 0);
	await page.evaluate("window.scrollTo(0, 1e6)");
	await frames();
	await bed.upstream.go("scroll");
	await complete(page);
	assert.ok(await below() < 2);
}, { viewport: { width: 400, height: 500 } });

pageTest("in Japanese for those who read it first", async (page) => {
	assert.equal(await page.title(), "エージェントに聞く");
	assert.equal(await page.locator("html").getAttribute("lang"), "ja");
	assert.equal(await page.locator("#send").textContent(), "送信");
	await send(page, "こんにちは 世界");
	await has(status(page), "回答が終わりました。");
	assert.equal(await answer(page).getAttribute("lang"), "ja");
	await send(page, "[[status code=403]]");
	await has(page.locator(".error"), "エージェントへの接続が拒否されました。");
}, { locale: "ja-JP", allow: REFUSED });

for (const colorScheme of ["light", "dark"]) {
	pageTest(`${colorScheme}: text stands out from its ground`, async (page) => {
		await send(page, "[[midthrow-py n=1]]");
		await page.locator(".error").waitFor();
		await send(page, "[[silence n=1]]");
		await has(answer(page), ":0]");
		await page.locator("#stop").click();
		await page.locator(".note").waitFor();
		const low = await page.evaluate(() => {
			const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
			const light = (colour) => parse(colour).slice(0, 3)
				.map((v) => v / 255)
				.map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
				.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
			const ground = (node) => {
				const colour = getComputedStyle(node).backgroundColor;
				return parse(colour)[3] === 0
					? ground(node.parentElement) : colour;
			};
			return ["h1", ".question", ".answer", ".note", ".error",
				".error small", "#status", "label", "textarea", "#send", "#renew"]
				.map((selector) => {
					const node = document.querySelector(selector);
					const [a, b] = [light(getComputedStyle(node).color),
						light(ground(node))].sort((x, y) => y - x);
					return [selector, (a + 0.05) / (b + 0.05)];
				})
				.filter(([, contrast]) => !(contrast >= 4.5));
		});
		assert.deepEqual(low, []);
	}, { colorScheme });
}

pageTest("without JavaScript: a plain form", async (page) => {
	assert.equal(await page.locator("#stop").isVisible(), false);
	await prompt(page).fill("one two こんにちは");
	const sent = page.waitForRequest("**/api/invoke");
	await page.locator("#send").click();
	assert.equal((await sent).headers()["content-type"],
		"application/x-www-form-urlencoded");
	await has(page.locator("body"), "one two こんにちは");
}, { javaScriptEnabled: false, allow: REFUSED }); /* its favicon.ico */

await run(async () => {
	await browser.close();
	await bed.stop();
	await stopAll();
});
