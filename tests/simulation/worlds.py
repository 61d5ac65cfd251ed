"""Where the protocol is searched: small inputs, and what may go wrong. Each world is searched to its end."""

from dataclasses import replace

from world import Faults, Message, World

TWO = ((Message(1), Message(2, entity=1)),)  # two entities: no revision guards the order of the two
THREE = ((Message(1), Message(2, entity=1), Message(3)),)
ANSWERED = ((Message(0, reply=0, answers=True), Message(1)),)
ANSWERED_FIRST = ((Message(0, reply=0, answers=True), Message(1), Message(2)),)
ASKED_AGAIN = ((Message(0, reply=0, answers=True), Message(0, reply=1), Message(1)),)
ASKED_IN_BETWEEN = ((Message(0, reply=0), Message(0, reply=1), Message(1, answers=True)),)
ASKED_LATE = ((Message(0, reply=0), Message(1, answers=True), Message(0, reply=1)),)
ANSWERED_TWICE = ((Message(0, reply=0), Message(1, answers=True), Message(0, reply=1), Message(2, answers=True)),)
ANOTHER_REQUEST = ((Message(0, reply=0), Message(0, reply=1, hash=1), Message(1, answers=True)),)
TWO_TOPICS = ((Message(1),), (Message(2),))  # of one lane, for one entity
MIXED = ((Message(1), Message(3)), (Message(2, entity=1),))
QUESTION = (
    (Message(0, reply=0),),
    (Message(1, answers=True, after=0),),
)  # the second topic brings what came of the first
QUESTION_AGAIN = ((Message(0, reply=0), Message(0, reply=1)), (Message(1, answers=True, after=0),))

ANYTHING = Faults(crashes=2, failovers=1, lost_replies=1, wrong_offsets=1, total=2)  # but a zombie

ONE_TOPIC = {
    "a zombie and a failover": World(TWO, Faults(rebalances=1, failovers=1), most=1),
    "a zombie and a lost reply": World(TWO, Faults(rebalances=1, lost_replies=1)),
    "a zombie and a crash": World(TWO, Faults(rebalances=1, crashes=1)),
    "a zombie and wrong offsets": World(TWO, Faults(rebalances=1, crashes=1, wrong_offsets=1), most=1),
    "two zombies": World(TWO, Faults(rebalances=2), most=1),
    "three records and a zombie": World(THREE, Faults(rebalances=1)),
    "two records, three faults": World(TWO, replace(ANYTHING, failovers=2, total=3)),
    "three records, two faults": World(THREE, ANYTHING),
}
ANSWERS = {
    "answered at once, a zombie": World(ANSWERED, Faults(rebalances=1)),
    "asked again, a zombie": World(ASKED_AGAIN, Faults(rebalances=1), most=1),
    "asked again before the answer, a zombie": World(ASKED_IN_BETWEEN, Faults(rebalances=1), most=1),
    "asked again after the answer, a zombie": World(ASKED_LATE, Faults(rebalances=1), most=1),
    "asked again, two faults": World(ASKED_AGAIN, ANYTHING),
    "asked again before the answer, two faults": World(ASKED_IN_BETWEEN, ANYTHING),
    "asked again after the answer, two faults": World(ASKED_LATE, ANYTHING),
    "another request, two faults": World(ANOTHER_REQUEST, ANYTHING),
    "answered twice, a crash": World(ANSWERED_TWICE, Faults(crashes=1)),
    "every record counted, no fault": World(ASKED_IN_BETWEEN, counted=True),
    "every record counted, a fault": World(ASKED_LATE, replace(ANYTHING, total=1), counted=True),
}
TWO_PARTITIONS = {
    "one entity, a zombie": World(TWO_TOPICS, Faults(rebalances=1)),
    "one entity, two faults": World(TWO_TOPICS, ANYTHING),
    "three records, a fault": World(MIXED, replace(ANYTHING, total=1)),
    "a question, a zombie": World(QUESTION, Faults(rebalances=1)),
    "a question, three faults": World(QUESTION, replace(ANYTHING, failovers=0, total=3)),
    "a question asked again, two faults": World(QUESTION_AGAIN, Faults(crashes=1, lost_replies=1)),
}
