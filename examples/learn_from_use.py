"""A search box that learns its users' words: they say "the beast is down" and mean the database server."""

import random
import shutil
import sys

import ruvllm
from ruvllm.encoders.hashed import HashedNgramEncoder

MEANT = {
    "the beast": "database server", "the toaster": "build machine", "paper cuts": "small layout defects",
    "the bouncer": "login and permissions", "the postman": "mail delivery", "dark room": "image processing",
    "the archive": "backup and restore", "black friday": "checkout and payment",
}  # fmt: skip
ASKED = ["{} is down again", "who looks after {}", "is {} slow today", "how do I restart {}", "new ticket about {}"]
HELP = [f"{area}: {kind}" for area in MEANT.values() for kind in ("guide", "known problems", "contact")]

store = sys.argv[1] if len(sys.argv) > 1 else "suggestions"
shutil.rmtree(store, ignore_errors=True)
ranker = ruvllm.AdaptiveRanker(HashedNgramEncoder(512, idf=False), store=store)

users = random.Random(7)
for _ in range(400):
    word, area = users.choice(list(MEANT.items()))
    ranking = ranker.rank(users.choice(ASKED).format(word), HELP)
    right = [page for page in ranking.ids if page.startswith(area)]
    ranker.feedback(ranking.id, accepted=right[0], source=f"user {users.randrange(25)}")

print(ranker.gain())
for decision in ranker.history():
    print(decision.action, "after", decision.feedbacks, "feedbacks:", decision.state_after[:12], decision.reason)
print(ranker.rank("the beast sleeps", HELP, top=3).ids)
ranker.close()
