#include "../../src/peer.h"

#include "alloc.h"
#include "tap.h"

static struct peers peers;

TEST(each_agent_has_its_own)
{
	char name[] = "one";
	struct peer *one = peer_of(&peers, name), *two;

	CHECK(one != NULL && strcmp(one->agent, "one") == 0);
	CHECK(one->skew_s == 0 && one->bucket.tokens > 0);
	/* Its name is a copy, for it outlives the configuration. */
	name[0] = 'x';
	two = peer_of(&peers, "two");
	CHECK(two != NULL && two != one);
	CHECK(peer_of(&peers, "one") == one);
	CHECK(peer_of(&peers, "two") == two);
	CHECK(peer_of(&peers, "") != NULL);
	CHECK(peer_of(&peers, "on") != one);
	one->bucket.tokens = 1;
	CHECK(peer_learn_time(one, 5000, 0, 0) && one->skew_s == 5000);
	CHECK(two->bucket.tokens > 1 && two->skew_s == 0);
	CHECK(peer_of(&peers, "one")->bucket.tokens == 1);
	peer_free_all(&peers);
	CHECK(peers.first == NULL);
	peer_free_all(&peers);
}

/* Whether a service whose clock is this much ahead has news for a peer that
 * knows of that much. */
static bool learns(int64_t knows_s, int64_t ahead_s)
{
	char name[] = "one";
	struct peer peer = {.agent = name, .skew_s = knows_s};
	bool news =
	    peer_learn_time(&peer, 1767225600 + ahead_s, 1767225600, knows_s);

	CHECK(peer.skew_s == (news ? ahead_s : knows_s));
	return news;
}

TEST(what_is_news_of_the_time)
{
	CHECK(!learns(0, 0));
	CHECK(!learns(0, 239) && !learns(0, -239));
	CHECK(learns(0, 240) && learns(0, -240));
	CHECK(learns(0, 86400) && learns(0, -86400));
	/* It has been taken into account already. */
	CHECK(!learns(3600, 3600) && !learns(-3600, -3600));
	CHECK(!learns(3600, 3839) && !learns(3600, 3361));
	CHECK(learns(3600, 3840) && learns(3600, 3360));
	/* Our clock has been set right since. */
	CHECK(learns(3600, 0) && learns(-240, 0) && !learns(239, 0));
}

/* Of several requests that were signed by a wrong clock one is told first; the
 * others are worth asking again, too. */
TEST(what_another_has_learnt_meanwhile)
{
	char name[] = "one";
	struct peer peer = {.agent = name};

	CHECK(peer_learn_time(&peer, 3600, 0, 0) && peer.skew_s == 3600);
	CHECK(peer_learn_time(&peer, 3601, 0, 0) && peer.skew_s == 3600);
	CHECK(!peer_learn_time(&peer, 3602, 0, 3600) && peer.skew_s == 3600);
}

TEST(no_memory)
{
	size_t n;

	CHECK(peer_of(&peers, "there") != NULL);
	for (n = 0;; n++) {
		struct peer *peer;

		alloc_fail_at(n);
		peer = peer_of(&peers, "new");
		if (!alloc_failed())
			break;
		CHECK(peer == NULL && peers.first->next == NULL);
	}
	CHECK(n == 2);
	/* Who is there needs none. */
	alloc_fail_at(0);
	CHECK(peer_of(&peers, "there") != NULL && !alloc_failed());
	peer_free_all(&peers);
}

int main(void)
{
	return tap_run();
}
