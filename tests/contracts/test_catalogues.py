"""The types each product has told its customers of."""

import json

import pytest

from dispatcher.config import Settings, load_profiles

# Word for word from what the products say.
PROMISED = {
    "madyis": "conversation.created message.created conversation.status_changed",
    "manysends": """
        conversation.created conversation.status_changed conversation.assigned conversation.resolved
        conversation.reopened message.created message.updated message.deleted message.reaction_added
        message.reaction_removed agent.created agent.updated agent.deleted agent.status_changed label.created
        label.updated label.deleted conversation.labeled""",
    "context": "user.signed_up purchase.made data.changed",
    "hellomateo": """
        contact.created contact_details.updated contact.deleted conversation.inbound conversation.outbound
        conversation.submission_error conversation.sending_error conversation.tag conversation.untag
        conversation.assign conversation.unassign conversation.reopen conversation.close form_submission.completed
        form_submission.aborted""",
    "sydx": "message.received message.status interactive.reply contact.updated flow.triggered",
    "standard": "",
    "cloudevents": "",
}


@pytest.mark.parametrize("profile", PROMISED)
def test_a_catalogue_has_the_types_that_were_promised_each_with_an_example_of_its_own(profile):
    entries = load_profiles(Settings()).by_name[profile].event_types
    assert sorted(entry.name for entry in entries) == sorted(PROMISED[profile].split())
    assert all(isinstance(json.loads(entry.example), dict) for entry in entries)
    assert all(entry.description.endswith(".") for entry in entries)
