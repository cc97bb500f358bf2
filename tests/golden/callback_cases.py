"""What a notifier sees and leaves: asked of Airflow and of airflow-lite alike."""

from __future__ import annotations


def notifier_answers(base, make_dag):
    """Return what a notifier sees and leaves: by its own calls alone."""
    seen = []

    class Note(base):
        template_fields = ("message", "parts")

        def __init__(self, message, parts=()):
            super().__init__()
            self.message = message
            self.parts = parts

        def notify(self, context):
            seen.append([self.message, self.parts, sorted(context), str(context["message"])])
            if "raise" in self.message:
                raise ValueError("not sent")

    dag = make_dag("notified", user_defined_macros={"mine": "macro"})
    found = {}

    def ask(label, make, *arguments, again=0):
        seen.clear()
        try:
            note = make()
            for _ in range(again + 1):
                note(*arguments)
        except Exception as error:
            found[label] = {"raises": type(error).__name__}
            return
        found[label] = {"seen": list(seen), "left": [note.message, note.parts]}

    ask("plain", lambda: Note("text"), {"dag": dag})
    ask("a template", lambda: Note("{{ dag.dag_id }} {{ mine }}"), {"dag": dag})
    ask(
        "nested",
        lambda: Note("m", [{"a": "{{ name }}"}, "{{ message }}"]),
        {"dag": dag, "name": "n"},
    )
    ask("an error", lambda: Note("raise"), {"dag": dag})
    ask("twice", lambda: Note("{{ name }}"), {"dag": dag, "name": "{{ dag.dag_id }}"}, again=1)
    ask("of an SLA", lambda: Note("{{ slas }}"), dag, "tasks", "blocking", "missed", "tis")
    ask("a name that is not there", lambda: Note("{{ nothing.at_all }}"), {"dag": dag})
    return found
