"""Caches over the public API: what was answered before is answered again."""

QUESTION = "When was the lighthouse of Farol built?"
SAME = "Could you please tell me when the lighthouse of Farol was built?"
TEXT = b"The lighthouse of Farol was built in 1912. It is forty metres high. Its keeper is Ines Duarte."


def add(member, text, name):
    member.wait([member.upload(text, name)])


def test_an_answer_is_given_again_until_the_documents_change(member):
    add(member, TEXT, "lighthouse.txt")
    first = member.chat(QUESTION)
    again, same = member.chat(QUESTION), member.chat(SAME)
    for answer, way in ((again, "exact"), (same, "semantic")):
        assert answer["answer"] == first["answer"]
        assert answer["sources"] == first["sources"]
        assert (answer["metadata"]["cached"], answer["metadata"]["tokens_used"]) == (True, 0)
        assert answer["metadata"]["cache"]["way"] == way
    assert not first["metadata"]["cached"]
    assert not member.chat(QUESTION, cache=False)["metadata"]["cached"]
    assert not member.chat("When was the lighthouse of Farol not built?")["metadata"]["cached"]
    add(member, b"The lighthouse of Farol burnt down in 2020.", "fire.txt")
    assert not member.chat(QUESTION)["metadata"]["cached"]


def test_results_of_a_search_are_found_again_until_the_documents_change(member):
    add(member, TEXT, "lighthouse.txt")
    first, again = member.search("keeper"), member.search("keeper")
    assert (first["cached"], again["cached"]) == (False, True)
    assert again["results"] == first["results"]
    assert not member.search("keeper", cache=False)["cached"]
    add(member, b"A keeper of bees lives on the island.", "bees.txt")
    assert not member.search("keeper")["cached"]


def test_another_member_of_another_organization_gets_nothing_of_it(stack, member):
    add(member, TEXT, "lighthouse.txt")
    member.chat(QUESTION)
    stranger = stack.new_member()
    answer = stranger.chat(QUESTION)
    assert not answer["metadata"]["cached"]
    assert answer["metadata"]["abstained"]
