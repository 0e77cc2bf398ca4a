"""What of the feature files does not apply to NetPaS, and where a feature file and the API description of the same project say different
things. Everything here is told in the report of `run`: nothing is left out in silence."""

# Tag of a scenario, or the beginning of tags → why it cannot be run here.
DOES_NOT_APPLY = {}

# In a feature file → in the description, which is what the events are validated against in the same scenario.
DEVIATIONS = {
    "org.camaraproject.qod.v1.qos-status-changed": (
        "org.camaraproject.quality-on-demand.v1.qos-status-changed",
        "quality-on-demand.yaml (QosEventType) allows only the second; the feature files were not changed with it"),
}
deviations_met = set()


def reason_to_skip(scenario, world):
    for tag in scenario.effective_tags:
        for beginning, reason in DOES_NOT_APPLY.items():
            if tag.startswith(beginning):
                return reason
    if not world.sink_url and any("an event is received" in step.name for step in scenario.steps):
        return "no place for notifications was given (sink_url)"
    return None


def expected_by_description(value):
    """The value to expect for what a feature file says; remembers that they differ."""
    if value in DEVIATIONS:
        deviations_met.add(value)
        return DEVIATIONS[value][0]
    return value
