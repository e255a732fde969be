/*
 * selftest-words: what the self-test says, in the languages of words.js.
 * Functions get what was found and what was seen.
 */

const round = (ms) => Math.max(1, Math.round(ms));
const seconds = (ms) => (ms / 1000).toFixed(1);
/* "404 text/html" */
const head = ({ status, type }) => `${status} ${type.split(";")[0]}`.trimEnd();

const WORDS = {
	en: {
		title: "Does this server stream?",
		intro: "agentcgi sends ten ticks, 300 ms apart. This page notes when each arrives.",
		again: "Run again",
		chat: "Ask the agent",
		measuring: "Measuring…",
		progress: (n, all) => `${n} of ${all} ticks have arrived.`,
		sent: "Sent",
		arrived: "Arrived",
		figure: "When each tick was sent, and when it arrived",
		chart: (n, sent, arrived, latest) => n === 0
			? "No tick has arrived yet."
			: `${n} ticks, sent over ${seconds(sent)} s, arrived over ${seconds(arrived)} s, the latest ${Math.round(latest)} ms late.`,
		todo: "What to do",
		aside: "Also noted",
		measured: "What was measured",
		numbers: "Every tick in numbers",
		tick: "Tick",
		sentMs: "Sent (ms)",
		arrivedMs: "Arrived (ms)",
		lateMs: "Late (ms)",
		report: "Report, for whoever keeps this server",
		copyReport: "Copy report",
		copy: "Copy",
		copied: "Copied",
		selected: "Selected: copy it with your keyboard.",
		rejected: (asked) => `?api=${asked} is no path of this server and was not used.`,
		headlines: {
			streams: "This server streams.",
			held: "This server holds answers back until their end.",
			blocks: ({ isUneven }) => isUneven
				? "Answers arrive unevenly."
				: "This server holds answers back in blocks.",
			base: ({ by }) => by === "agentcgi"
				? "agentcgi answers, but not as a self-test."
				: "agentcgi is not at this address.",
			cut: "The stream was cut off.",
			unreachable: "The server could not be reached.",
			refused: ({ by }, { status }) => by === "agentcgi"
				? `agentcgi refuses: status ${status}.`
				: `The web server refuses: status ${status}.`,
		},
		details: {
			streams: ({ times }) => `Each of ${times.rows.length} ticks arrived within ${round(times.latest)} ms of its time.`,
			held: ({ times }) => `${times.rows.length} ticks were sent over ${seconds(times.sentSpread)} s. They arrived together, within ${round(times.arrivedSpread)} ms.`,
			blocks: ({ times, isUneven }) => isUneven
				? `Most of ${times.rows.length} ticks arrived one by one, but up to ${round(times.latest)} ms late.`
				: `${times.rows.length} ticks were sent one by one. They arrived in ${times.blocks} blocks, up to ${round(times.latest)} ms late.`,
			base: ({ by }, seen) => by === "agentcgi"
				? `${seen.asked} was tried. agentcgi itself answered: ${head(seen)}.`
				: `${seen.asked} was tried. Not agentcgi but the web server answered: ${head(seen)}.`,
			cut: ({ times }) => `${times.rows.length} ticks arrived, but not the end.`,
			unreachable: (_, { asked }) => `${asked} was tried.`,
			refused: (_, seen) => `${seen.asked} was tried.`,
		},
		notes: {
			stream: "Put this into the web server's configuration for agentcgi, and reload it:",
			sharedHost: "On a host whose server configuration you cannot change, mod_fcgid goes on holding back. Run agentcgi as plain CGI there, under a name that ends in .cgi, with this line in .htaccess (conf/htaccess.sample):",
			compressed: ({ compressed, line }) => `The answer is compressed${compressed === "?" ? "" : ` (${compressed})`}, and that can hold it back. Switch compression off for agentcgi's address${line === "" ? "." : ":"}`,
			compressedStreams: ({ compressed, line }) => `The answer is compressed${compressed === "?" ? "" : ` (${compressed})`}. It streams all the same, but without is safer${line === "" ? "." : ":"}`,
			frontSeen: ({ front, line }) => `Another server stands in front: ${front}. It may be what holds back. ${line === "" ? "Switch its buffering off for agentcgi's address." : "There, this switches it off:"}`,
			frontNginx: "agentcgi tells nginx not to buffer (X-Accel-Buffering: no). So either fastcgi_ignore_headers names that field here, or a proxy or CDN in front holds back. If that is an nginx too, this is for its configuration:",
			front: "If the server is configured like that already, a proxy or CDN in front of it holds back. If that is nginx, this is for its configuration:",
			uneven: "Run the test again: a busy machine or a slow network looks like this, too. If it stays so, go on here.",
			authorizationLost: ({ line }) => `The web server keeps the Authorization field to itself. Only agents with auth = bearer need it${line === "" ? "." : ". This passes it on:"}`,
			authorizationChecked: "The web server checks the Authorization field itself. That is fine, unless an agent with auth = bearer needs it.",
			baseRedirected: ({ address }) => `The request was redirected to ${address}. Is that a sign-in?`,
			baseAlias: ({ path }) => `See that the web server's alias, location or mount for agentcgi is ${path} and that this configuration is loaded.`,
			baseMeta: "If agentcgi is mounted elsewhere, write that path into this line of index.html and selftest.html:",
			baseQuery: "To try another path first, add it to the address of this page:",
			baseMount: "Tell agentcgi where it is mounted, in agentcgi.conf before any section:",
			baseOld: "If it is set already: an agentcgi older than this page has no self-test.",
			refusedLog: (_, { requestId }) => `The log says more${requestId === "" ? "." : ` under ${requestId}.`}`,
			refusedAccess: "The web server itself asks who may come in, before agentcgi does. Sign in, or let your address in. The configurations that come with agentcgi let in their own machine only (Require local, allow 127.0.0.0/8).",
			refusedDown: "The web server cannot talk to agentcgi. See that agentcgi runs, and that both mean the same socket. The web server's error log says more.",
			refusedOther: "The web server's error log says why. As CGI, the program and its directory must be writable by their owner only (mode 755), and .htaccess may hold only lines that your host allows.",
			cut: "A time-out of the web server or of a proxy cuts like that, and so does an agentcgi that ends. Both logs say more.",
			timedOut: "No end came in 90 s.",
			unreachable: "The network or the web server is down, or the request was redirected to another host, such as a sign-in.",
		},
		facts: (found, seen) => [
			["Address", seen.asked],
			["Status", seen.reached ? head(seen) : ""],
			["Web server", seen.server?.software || seen.serverHeader],
			["In front", found.front],
			["Gateway", seen.server?.gateway ?? ""],
			["Protocol", [
				seen.server?.protocol ? `${seen.server.protocol} at the server` : "",
				seen.http ? `${seen.http} in this browser` : "",
			].filter(Boolean).join(", ")],
			["Compression", found.times.rows.length === 0 ? ""
				: found.compressed === "" ? "none"
					: found.compressed === "?" ? "yes" : found.compressed],
			["Authorization", { ok: "passed on", lost: "lost",
				checked: "checked by the web server" }[found.authorization] ?? ""],
			["Request", seen.requestId],
		],
	},
	ja: {
		title: "ストリーミングの自己診断",
		intro: "agentcgi が 300 ms ごとに 10 回の信号を送ります。このページはそれぞれの到着時刻を測ります。",
		again: "再測定",
		chat: "エージェントに聞く",
		measuring: "測定中…",
		progress: (n, all) => `${all} 回のうち ${n} 回が届きました。`,
		sent: "送信",
		arrived: "到着",
		figure: "各信号の送信時刻と到着時刻",
		chart: (n, sent, arrived, latest) => n === 0
			? "信号はまだ届いていません。"
			: `${n} 回の信号が ${seconds(sent)} 秒かけて送信され、${seconds(arrived)} 秒の間に到着しました。最大の遅れは ${Math.round(latest)} ms です。`,
		todo: "対処方法",
		aside: "その他の結果",
		measured: "測定内容",
		numbers: "各信号の数値",
		tick: "番号",
		sentMs: "送信 (ms)",
		arrivedMs: "到着 (ms)",
		lateMs: "遅れ (ms)",
		report: "サーバー管理者向けの報告",
		copyReport: "報告をコピー",
		copy: "コピー",
		copied: "コピーしました",
		selected: "選択しました。キーボードでコピーしてください。",
		rejected: (asked) => `?api=${asked} はこのサーバーのパスではないため、使いませんでした。`,
		headlines: {
			streams: "このサーバーはストリーミングできます。",
			held: "このサーバーは回答を最後までため込みます。",
			blocks: ({ isUneven }) => isUneven
				? "回答の届き方にむらがあります。"
				: "このサーバーは回答をまとめて送ります。",
			base: ({ by }) => by === "agentcgi"
				? "agentcgi は応答しましたが、自己診断ではありません。"
				: "このアドレスに agentcgi はありません。",
			cut: "ストリームが途中で切れました。",
			unreachable: "サーバーに接続できませんでした。",
			refused: ({ by }, { status }) => by === "agentcgi"
				? `agentcgi に拒否されました (${status})。`
				: `ウェブサーバーに拒否されました (${status})。`,
		},
		details: {
			streams: ({ times }) => `${times.rows.length} 回の信号は、どれも ${round(times.latest)} ms 以内の遅れで届きました。`,
			held: ({ times }) => `${times.rows.length} 回の信号は ${seconds(times.sentSpread)} 秒かけて送信され、${round(times.arrivedSpread)} ms の間にまとめて届きました。`,
			blocks: ({ times, isUneven }) => isUneven
				? `${times.rows.length} 回の信号のほとんどは一つずつ届きましたが、最大 ${round(times.latest)} ms 遅れました。`
				: `一つずつ送信された ${times.rows.length} 回の信号が ${times.blocks} 回に分けて届き、最大 ${round(times.latest)} ms 遅れました。`,
			base: ({ by }, seen) => by === "agentcgi"
				? `${seen.asked} に接続しました。agentcgi 自身の応答: ${head(seen)}`
				: `${seen.asked} に接続しました。agentcgi ではなくウェブサーバーの応答: ${head(seen)}`,
			cut: ({ times }) => `${times.rows.length} 回の信号は届きましたが、終わりが届きませんでした。`,
			unreachable: (_, { asked }) => `${asked} に接続しようとしました。`,
			refused: (_, seen) => `${seen.asked} に接続しました。`,
		},
		notes: {
			stream: "ウェブサーバーの agentcgi 用の設定に次の行を加え、設定を読み込み直してください。",
			sharedHost: "サーバー全体の設定を変えられないホストでは、mod_fcgid のため込みは止められません。agentcgi を .cgi で終わる名前の CGI として動かし、.htaccess に次の行を書いてください (conf/htaccess.sample)。",
			compressed: ({ compressed, line }) => `応答が圧縮されており${compressed === "?" ? "" : ` (${compressed})`}、そのためにため込まれている可能性があります。agentcgi のアドレスでは圧縮を止めてください${line === "" ? "。" : "。次の行で止まります。"}`,
			compressedStreams: ({ compressed, line }) => `応答が圧縮されています${compressed === "?" ? "" : ` (${compressed})`}。ストリーミングはできていますが、圧縮しないほうが確実です。${line === "" ? "" : "次の行で止まります。"}`,
			frontSeen: ({ front, line }) => `手前に別のサーバーがあります: ${front}。これがため込んでいる可能性があります。${line === "" ? "agentcgi のアドレスでバッファリングを止めてください。" : "そちらの設定の次の行で止まります。"}`,
			frontNginx: "agentcgi は nginx にバッファリングしないよう伝えています (X-Accel-Buffering: no)。fastcgi_ignore_headers がこのヘッダーを無視しているか、手前のプロキシや CDN がため込んでいます。手前も nginx なら、そちらの設定に次の行を書いてください。",
			front: "サーバーの設定が既にそうなっている場合は、手前のプロキシや CDN がため込んでいます。それが nginx なら、そちらの設定に次の行を書いてください。",
			uneven: "もう一度測定してください。パソコンや回線が混み合っているだけのこともあります。結果が変わらなければ、次に進んでください。",
			authorizationLost: ({ line }) => `ウェブサーバーが Authorization ヘッダーを渡していません。必要なのは auth = bearer のエージェントだけです。${line === "" ? "" : "次の行で渡されます。"}`,
			authorizationChecked: "ウェブサーバー自身が Authorization ヘッダーを検査しています。auth = bearer のエージェントを使わない限り問題ありません。",
			baseRedirected: ({ address }) => `${address} に転送されました。ログイン画面ではありませんか。`,
			baseAlias: ({ path }) => `ウェブサーバーで agentcgi に割り当てたパス (alias、location など) が ${path} であること、その設定が読み込まれていることを確かめてください。`,
			baseMeta: "agentcgi が別のパスにある場合は、index.html と selftest.html の次の行にそのパスを書いてください。",
			baseQuery: "別のパスを試すには、このページのアドレスに次のように付け加えてください。",
			baseMount: "agentcgi.conf の最初のセクションより前に次の行を書いて、agentcgi の置かれたパスを知らせてください。",
			baseOld: "既に書かれている場合は、agentcgi がこのページより古く、自己診断がありません。",
			refusedLog: (_, { requestId }) => `詳しくはログにあります${requestId === "" ? "。" : ` (${requestId})。`}`,
			refusedAccess: "agentcgi より前に、ウェブサーバー自身がアクセスを制限しています。ログインするか、お使いのアドレスを許可してください。agentcgi に付属の設定は、そのマシン自身だけを許可しています (Require local、allow 127.0.0.0/8)。",
			refusedDown: "ウェブサーバーが agentcgi に接続できません。agentcgi が動いていること、両者のソケットの設定が同じであることを確かめてください。詳しくはウェブサーバーのエラーログにあります。",
			refusedOther: "理由はウェブサーバーのエラーログにあります。CGI の場合、プログラムとそのディレクトリーに書き込めるのは所有者だけ (モード 755) で、.htaccess にはホストが許可する行しか書けません。",
			cut: "ウェブサーバーやプロキシのタイムアウト、または agentcgi の終了が考えられます。詳しくは両方のログにあります。",
			timedOut: "90 秒以内に終わりませんでした。",
			unreachable: "ネットワークかウェブサーバーが止まっているか、ログイン画面など別のホストに転送されています。",
		},
		facts: (found, seen) => [
			["アドレス", seen.asked],
			["ステータス", seen.reached ? head(seen) : ""],
			["ウェブサーバー", seen.server?.software || seen.serverHeader],
			["手前のサーバー", found.front],
			["接続方式", seen.server?.gateway ?? ""],
			["プロトコル", [
				seen.server?.protocol ? `${seen.server.protocol} (サーバー側)` : "",
				seen.http ? `${seen.http} (ブラウザー側)` : "",
			].filter(Boolean).join("、")],
			["圧縮", found.times.rows.length === 0 ? ""
				: found.compressed === "" ? "なし"
					: found.compressed === "?" ? "あり" : found.compressed],
			["Authorization", { ok: "渡された", lost: "失われた",
				checked: "ウェブサーバーが検査" }[found.authorization] ?? ""],
			["リクエスト", seen.requestId],
		],
	},
};

export function wordsOf(language) {
	return WORDS[language];
}
