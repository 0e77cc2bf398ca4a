"""What is described and the walk cannot bring about, each with the reason. Everything else that is described has to be met."""

BUSY = "two operations on the vault at the same moment (tests/app/test_vault_api.cpp)"
MANY = "more entries than a test should make"
PACED = "root is not paced (tests/app/test_front_door.cpp)"

BY_STATUS = {
    "500": "a disk that fails (tests of the ledger and the vault)",
    "502": "an ISP whose documents are forged (tests/cartographer)",
    "503": "an ISP that does not answer, and whatever else is away",
}
# By operation and status; "done": no success either.
BY_OPERATION = {
    "forgive": {"200": "a class that fails its promise (netpas-lab run liar-class)", "done": "the same"},
    "services": {"404": "a way without prices"},
    "quotes": {"429": PACED},
    "buy": {"429": MANY},
    "pay": {"429": MANY},
    "askContent": {"429": MANY},
    "order": {"429": MANY},
    "askPairing": {"429": MANY},
    "setBudget": {"409": MANY},
    "answerEnvelope": {"409": MANY},
    "addPayee": {"409": MANY},
    "trustAuthority": {"409": MANY},
    "confirmDevice": {"409": MANY},
    "unlock": {"409": BUSY},
    "setPassphrase": {"409": BUSY},
    "forgetContent": {"409": "a payment that is on its way at that very moment"},
    "backup": {"409": BUSY},
}


def complaints(record):
    found = []
    for operation in record.description.operations.values():
        met = record.met.get(operation.id, set())
        excused = BY_OPERATION.get(operation.id, {})
        if not any(status.startswith("2") for status in met) and "done" not in excused:
            found.append(f"{operation.method} {operation.path} was never done")
        for status in sorted(operation.statuses - met):
            if status not in BY_STATUS and status not in excused:
                found.append(f"{operation.method} {operation.path} never answered {status}")
        for status in sorted(set(excused) & met):
            found.append(f"{operation.method} {operation.path} answers {status}: unmet.py says that it cannot be brought about")
    return found
