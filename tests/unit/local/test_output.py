"""Answers as the command line shows them."""

from local.cli import output


def shown(answer):
    with output.console.capture() as captured:
        output.print_answer(answer)
    return captured.get()


def test_what_no_document_supports_is_marked():
    text = "It was built in 1912 [1]. It is [red]."
    sentences = [
        {"start": 0, "end": 25, "verdict": "supported"},
        {"start": 26, "end": len(text), "verdict": "unsupported"},
    ]
    answer = {"answer": text, "sources": [], "metadata": {"grounding": {"sentences": sentences}}}
    lines = shown(answer).split("\n")
    assert text in lines
    assert "No document supports: “It is [red].”" in lines
    assert sum("No document supports" in line for line in lines) == 1


def test_an_answer_without_documents_has_nothing_to_mark():
    assert "No document" not in shown({"answer": "Hello.", "sources": [], "metadata": {"grounding": None}})
