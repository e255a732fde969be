/*
 * words: what the pages say, in the first of the reader's languages that
 * they know, else in English.
 */
const WORDS = {
	en: {
		title: "Ask the agent",
		prompt: "Your question",
		hint: "Enter sends, Shift+Enter starts a new line.",
		send: "Send",
		stop: "Stop",
		renew: "New conversation",
		log: "Conversation",
		you: "You",
		agent: "Agent",
		answering: "Answering…",
		complete: "Answer complete.",
		silent: "The agent ended without saying anything.",
		stopped: "Stopped.",
		limit: "The answer reached its limit and ends here.",
		failed: "The agent failed.",
		cut: "The answer was cut off: the connection ended too early.",
		unreachable: "The server could not be reached.",
		nostream: "The server answered with something other than a stream.",
		refused: (status) => `The server refused: status ${status}.`,
		retryAfter: (seconds) => `Try again in ${seconds} s.`,
		request: "Request",
		toSelftest: "Does this server stream? Self-test",
		codes: {}, /* the server's own sentence is English */
	},
	ja: {
		title: "エージェントに聞く",
		prompt: "質問",
		hint: "Enter で送信、Shift+Enter で改行します。",
		send: "送信",
		stop: "停止",
		renew: "新しい会話",
		log: "会話",
		you: "あなた",
		agent: "エージェント",
		answering: "回答中…",
		complete: "回答が終わりました。",
		silent: "エージェントは何も答えずに終わりました。",
		stopped: "停止しました。",
		limit: "回答が上限に達したため、ここで終わります。",
		failed: "エージェントでエラーが起きました。",
		cut: "接続が途中で切れたため、回答は完結していません。",
		unreachable: "サーバーに接続できませんでした。",
		nostream: "サーバーの応答がストリームではありません。",
		refused: (status) => `サーバーに拒否されました (${status})。`,
		retryAfter: (seconds) => `${seconds} 秒後にもう一度お試しください。`,
		request: "リクエスト",
		toSelftest: "ストリーミングの自己診断",
		codes: {
			bad_request: "送信内容が正しくありません。",
			unauthorised: "ログインが必要です。",
			forbidden: "この操作は許可されていません。",
			not_found: "エージェントが見つかりません。",
			method_not_allowed: "この操作には対応していません。",
			session_busy: "この会話の前の回答がまだ終わっていません。",
			too_large: "送信内容が大きすぎます。",
			unsupported_type: "この形式には対応していません。",
			rate_limited: "送信回数の上限に達しました。",
			upstream_denied: "エージェントへの接続が拒否されました。",
			upstream_not_found: "接続先のエージェントが見つかりません。",
			agent_failed: "エージェントでエラーが起きました。",
			upstream_error: "エージェントから正しい応答がありませんでした。",
			upstream_throttled: "エージェントが混み合っています。",
			overloaded: "サーバーが混み合っています。",
			no_credentials: "サーバーの認証情報が設定されていません。",
			upstream_timeout: "エージェントが時間内に応答しませんでした。",
		},
	},
};

export function chooseLanguage(languages) {
	for (const tag of languages) {
		const language = tag.toLowerCase().split("-")[0];
		if (Object.hasOwn(WORDS, language))
			return language;
	}
	return "en";
}

export function wordsOf(language) {
	return WORDS[language];
}
