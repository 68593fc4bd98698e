"""Parameter files as data: whatever is wrong with one is told in its words, all at once, before anything is sent."""

import copy

import pytest

from offchain.chain.abi import load
from scripts._lib.plan import check, read
from scripts._lib.plan_form import BadPlan
from tests.doubles.plans import ADDRESS, PARAMS, PLAN, written

UNKNOWN = "neither a parameter, an account nor a contract deployed before"
MISTYPED = ADDRESS["test:0"].swapcase().replace("0X", "0x")
MARKET = ["steps", 1, "with", "market"]
FIRST_BLOCK = ["steps", 2, "with", "first_block"]
CALL, DONE = ["steps", 3, "call"], ["steps", 3, "done"]
INITIALIZE = "FixedPriceMarket.initialize"
NO_FUNCTION = "FixedPriceMarket.{0}: the contract has no function {0} that changes anything"
NO_VIEW = f"{INITIALIZE}: done: the contract has no view {{}} without arguments and with one answer"


def account(text):
    return ADDRESS[text]


def abi_of(contract):
    try:
        return list(load(contract))
    except FileNotFoundError as missing:
        raise LookupError(contract) from missing


def problems(path):
    try:
        check(read(path, account), abi_of)
    except BadPlan as bad:
        return bad.problems
    return []


@pytest.fixture
def refused(tmp_path):
    """What is said of the plan after `change` was made to it."""

    def told(change):
        plan = copy.deepcopy(PLAN)
        change(plan)
        return problems(written(tmp_path, plan))

    return told


@pytest.mark.parametrize("path", sorted(PARAMS.glob("*.yaml")), ids=lambda path: path.stem)
def test_check__committed_parameters__fit_the_contracts(path):
    plan = read(path, lambda text: ADDRESS.get(text, text))
    check(plan, abi_of)
    assert set(plan.contracts) == {"FixedPriceMarket", "Flow", "PoraMine", "ChunkReward"}


def test_resolve__references__are_parameters_accounts_and_contracts_in_the_abi_s_order(tmp_path):
    plan = read(written(tmp_path, PLAN), account)
    check(plan, abi_of)
    names = ["service_fee_bps", "treasury", "market", "governor"]
    values = plan.resolve(plan.steps[1], {"FixedPriceMarket": ADDRESS["test:7"]}, [{"name": name} for name in names])
    assert values == [100, ADDRESS["test:2"], ADDRESS["test:7"], ADDRESS["test:0"]]


def test_value__address_in_small_letters__is_as_the_chain_answers(tmp_path):
    plan = read(written(tmp_path, PLAN), account)
    assert plan.value(ADDRESS["test:3"].lower(), {}) == ADDRESS["test:3"]


def test_value__unknown_reference__is_refused(tmp_path):
    with pytest.raises(BadPlan, match=rf"^\$Flow is {UNKNOWN}$"):
        read(written(tmp_path, PLAN), account).value("$Flow", {})


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (MARKET, "$Nothing", f"ChunkReward: market: $Nothing is {UNKNOWN}"),
        (MARKET, "$Flow", f"ChunkReward: market: $Flow is {UNKNOWN}"),
        (MARKET, "$ChunkReward", f"ChunkReward: market: $ChunkReward is {UNKNOWN}"),
        (MARKET, 5, "ChunkReward: market wants address, not 5"),
        (MARKET, "0x12", "ChunkReward: market wants address, not '0x12'"),
        (MARKET, "f3" * 20, f"ChunkReward: market wants address, not '{'f3' * 20}'"),
        (MARKET, MISTYPED, f"ChunkReward: market wants address, not '{MISTYPED}'"),
        (FIRST_BLOCK, "$governor", "Flow: first_block wants uint256, $governor is an address"),
        (FIRST_BLOCK, -1, "Flow: first_block wants uint256, not -1"),
        (FIRST_BLOCK, 1 << 256, f"Flow: first_block wants uint256, not {1 << 256}"),
        (FIRST_BLOCK, True, "Flow: first_block wants uint256, not True"),
        (FIRST_BLOCK, 1.5, "Flow: first_block wants uint256, not 1.5"),
        (FIRST_BLOCK, "12", "Flow: first_block wants uint256, not '12'"),
        (["parameters", "price", "value"], "7 gwei", f"{INITIALIZE}: pricePerSector wants uint256, not '7 gwei'"),
        (["parameters", "price", "value"], -7, f"{INITIALIZE}: pricePerSector wants uint256, not -7"),
        (["steps", 2, "deploy"], "Flwo", "Flwo: there is no contract Flwo"),
        (CALL, "FixedPriceMarket.initialise", NO_FUNCTION.format("initialise")),
        (CALL, "FixedPriceMarket.reward", NO_FUNCTION.format("reward")),
        (CALL, "FixedPriceMarket.PriceSet", NO_FUNCTION.format("PriceSet")),
        (["steps", 3, "as"], "clerk", f"{INITIALIZE}: nobody is called clerk"),
        (["steps", 2, "with", "colour"], 5, "Flow: there is no argument colour"),
        (DONE, {}, f"{INITIALIZE}: says not under `done` how to see that it has happened"),
        (DONE, {"flwo": "$Flow"}, NO_VIEW.format("flwo")),
        (DONE, {"initialize": "$Flow"}, NO_VIEW.format("initialize")),
        ([*DONE, "flow"], "$Flwo", f"{INITIALIZE}: done: flow: $Flwo is {UNKNOWN}"),
        ([*DONE, "flow"], "$price", f"{INITIALIZE}: done: flow wants address, not 7"),
        (["parameters", "unused"], {"value": 1, "unit": "none", "reason": "none"}, "parameter unused is never used"),
    ],
)
def test_check__a_value_that_does_not_fit__is_named_with_its_place(refused, path, value, problem):
    def change(plan):
        for key in path[:-1]:
            plan = plan[key]
        plan[path[-1]] = value

    assert problem in refused(change)


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_check__an_argument_left_out__is_missing(refused, number):
    name = list(PLAN["steps"][number]["with"])[-1]
    step = PLAN["steps"][number]
    told = refused(lambda plan: plan["steps"][number]["with"].pop(name))
    assert f"{step.get('deploy') or step['call']}: argument {name} is missing" in told


def test_check__call_before_the_deployment__is_refused(refused):
    told = refused(lambda plan: plan["steps"].insert(0, plan["steps"].pop()))
    assert f"{INITIALIZE}: FixedPriceMarket is not deployed before" in told


def test_check__many_mistakes__are_told_together(refused):
    def change(plan):
        plan["steps"][0]["with"] = {"owner": "$governor"}
        plan["steps"][2]["with"]["first_block"] = "soon"

    assert refused(change) == [
        "FixedPriceMarket: argument governor is missing",
        "FixedPriceMarket: there is no argument owner",
        "Flow: first_block wants uint256, not 'soon'",
    ]


@pytest.mark.parametrize("key", ["value", "unit", "reason"])
@pytest.mark.parametrize("blank", [None, ""])
def test_read__parameter_without_value_unit_or_reason__is_refused(refused, key, blank):
    assert refused(lambda plan: plan["parameters"]["price"].pop(key)) == [f"parameter price has no {key}"]
    told = refused(lambda plan: plan["parameters"]["price"].update({key: blank}))
    assert told == [f"parameter price has no {key}"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"chain_id": "1"}, "plan.yaml: `chain_id` is a text, not a number"),
        ({"chain_id": True}, "plan.yaml: `chain_id` is True, not a number"),
        ({"steps": {}}, "plan.yaml: `steps` is a table, not a list"),
        ({"accounts": None}, "plan.yaml: `accounts` is nothing, not a table"),
        ({"parametres": {}}, "plan.yaml: unknown key `parametres`"),
        ({"parameters": {"price": 7}}, "parameter price is a number, not a table of value, unit, reason"),
        ({"steps": [{"wiht": {}}]}, "step 1 is neither `deploy: Contract` nor `call: Contract.function`"),
        ({"steps": ["Flow"]}, "step 1 is neither `deploy: Contract` nor `call: Contract.function`"),
        ({"steps": [{"call": "Flow"}]}, "step 1: `call: Flow` names no function"),
        ({"steps": [{"deploy": "Flow.pause"}]}, "step 1: `deploy: Flow.pause` names no contract"),
        ({"steps": [{"deploy": "Flow", "wiht": {}}]}, "Flow: unknown key `wiht`"),
        ({"steps": [{"deploy": "Flow", "done": {}}]}, "Flow: unknown key `done`"),
        ({"steps": [{"deploy": "Flow", "with": None}]}, "Flow: `with` is nothing, not a table"),
    ],
)
def test_read__a_form_that_is_none__is_named(refused, change, problem):
    assert problem in refused(lambda plan: plan.update(change))


@pytest.mark.parametrize("key", ["chain_id", "accounts", "steps"])
def test_read__top_key_left_out__is_missing(refused, key):
    assert refused(lambda plan: plan.pop(key)) == [f"plan.yaml: `{key}` is missing"]


def test_read__without_parameters__is_fine(refused):
    def change(plan):
        del plan["parameters"], plan["steps"][1:]

    assert refused(change) == []


def test_read__parameter_with_an_unknown_key__is_refused(refused):
    told = refused(lambda plan: plan["parameters"]["price"].update(note="x"))
    assert told == ["parameter price: unknown key `note`"]


def test_read__parameter_that_refers_to_another__is_refused(refused):
    told = refused(lambda plan: plan["parameters"]["price"].update(value="$service_fee_bps"))
    assert told == ["parameter price refers to $service_fee_bps: parameters hold values"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda plan: plan["steps"].append(plan["steps"][0]), "FixedPriceMarket is deployed twice"),
        (lambda plan: plan["accounts"].update(price="test:3"), "price names an account and a parameter"),
        (lambda plan: plan["accounts"].update(Flow="test:3"), "Flow names an account and a contract"),
        (
            lambda plan: plan["parameters"].update(Flow=plan["parameters"]["price"]),
            "Flow names a parameter and a contract",
        ),
    ],
)
def test_read__a_name_for_two_things__is_refused(refused, change, problem):
    assert problem in refused(change)


def test_read__a_key_twice_in_one_table__is_refused_with_its_line(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("chain_id: 1\naccounts:\n  governor: test:0\n  governor: test:1\nsteps: []\n")
    assert problems(path) == ["plan.yaml: line 4: `governor` stands here twice"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "plan.yaml: the file holds nothing, not a table of chain_id, accounts, parameters, steps"),
        ("- 1", "plan.yaml: the file holds a list, not a table of chain_id, accounts, parameters, steps"),
        ("a: b: c", "plan.yaml: line 1: mapping values are not allowed here"),
        ("a: \x07", "plan.yaml: is no YAML: "),
    ],
)
def test_read__no_table_or_no_yaml__is_refused(tmp_path, text, problem):
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    (told,) = problems(path)
    assert told.startswith(problem)


def test_read__accounts_that_nobody_knows__are_told_together(tmp_path):
    def unknown(text):
        raise BadPlan([f"account {text} is unknown"])

    with pytest.raises(BadPlan) as bad:
        read(written(tmp_path, PLAN), unknown)
    assert bad.value.problems == [f"account {text} is unknown" for text in PLAN["accounts"].values()]
