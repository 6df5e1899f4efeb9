import pytest
from idla.builders.egress import Egress
from idla.core.settings import Settings
from idla_operator.app import settings_of
from idla_operator.config import ConfigError, OperatorConfig

IMAGES = {"IDLA_TRAINER_IMAGE": "idla/trainer:1", "IDLA_SERVER_IMAGE": "idla/server:1"}


def test_images_alone_are_enough() -> None:
    assert OperatorConfig.from_environment(IMAGES) == OperatorConfig(
        trainer_image="idla/trainer:1", server_image="idla/server:1"
    )


def test_everything_can_be_set_and_an_empty_variable_counts_as_not_set() -> None:
    environment = IMAGES | {
        "IDLA_IMAGE_PULL_POLICY": "Always", "IDLA_PROMETHEUS_URL": "http://prometheus:9090/", "IDLA_HEALTH_PORT": "0",
        "IDLA_IMAGE_PULL_SECRETS": "regcred, mirror ,regcred",
        "IDLA_LOG_LEVEL": "", "POD_NAMESPACE": "idla-system", "POD_UID": "9f3a1c52-7c1e-4d0b-8f2a-000000000001",
    }  # fmt: skip
    assert OperatorConfig.from_environment(environment) == OperatorConfig(
        trainer_image="idla/trainer:1", server_image="idla/server:1", pull_policy="Always",
        prometheus_url="http://prometheus:9090", health_port=0, lease_namespace="idla-system",
        pod_uid="9f3a1c52-7c1e-4d0b-8f2a-000000000001", pull_secrets=("regcred", "mirror"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("IDLA_TRAINER_IMAGE", "", "IDLA_TRAINER_IMAGE is not set"),
        ("IDLA_SERVER_IMAGE", "two words", "an image has no spaces"),
        ("IDLA_IMAGE_PULL_POLICY", "Sometimes", "'Sometimes'; allowed are Always, IfNotPresent, Never"),
        ("IDLA_PROMETHEUS_URL", "prometheus:9090", "give http://host:port"),
        ("IDLA_PROMETHEUS_URL", "file:///etc/passwd", "give http://host:port"),
        ("IDLA_PROMETHEUS_URL", "http://prometheus/?query=up", "give http://host:port"),
        ("IDLA_PROMETHEUS_URL", "http://user:canary@prometheus/?x", "is 'http://***@prometheus/?x'; give http://host"),
        ("IDLA_HEALTH_PORT", "70000", "allowed are ports 1 to 65535"),
        ("IDLA_HEALTH_PORT", "-1", "allowed are ports 1 to 65535"),
        ("IDLA_LEADER_ELECTION", "yes", "'yes'; allowed are true, false"),
        ("IDLA_LEADER_ELECTION", "true", "set it to the operator's namespace"),
        ("POD_UID", "idla-operator", "'idla-operator'; allowed is the uid of a pod"),
        (
            "IDLA_WATCH_NAMESPACES",
            "Vision",
            "'Vision'; 'Vision' is no namespace: allowed are names of 1 to 63 characters",
        ),
        ("IDLA_WATCH_NAMESPACES", "vision,", "'' is no namespace"),
        ("IDLA_WATCH_NAMESPACES", " ", "'' is no namespace"),
        ("IDLA_WATCH_NAMESPACES", "*", "'*' is no namespace"),
        ("IDLA_WATCH_NAMESPACES", "vision,a b,-c,c-", "'a b', '-c', 'c-' is no namespace"),
        ("IDLA_WATCH_NAMESPACES", "v" * 64, "leave it empty for all namespaces"),
        ("IDLA_IMAGE_PULL_SECRETS", "regcred,", "'' is no Secret: allowed are names of lower-case letters"),
        ("IDLA_IMAGE_PULL_SECRETS", "Reg Cred", "'Reg Cred' is no Secret"),
        ("IDLA_LOG_LEVEL", "chatty", "allowed are DEBUG, INFO, WARNING, ERROR"),
    ],
)
def test_a_mistake_names_the_variable_its_value_and_what_is_allowed(variable: str, value: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        OperatorConfig.from_environment(IMAGES | {variable: value})
    assert variable in str(caught.value)
    assert said in str(caught.value)


def test_the_way_out_of_the_pods_is_an_administrators_to_set() -> None:
    environment = IMAGES | {
        "IDLA_HTTPS_PROXY": "http://proxy.example:3128", "IDLA_NO_PROXY": ".svc,10.0.0.0/8",
        "IDLA_PROXY_SECRET": "proxy-login",
        "IDLA_ALLOWED_HOSTS": "data.corp.example:8443,10.20.0.0/16", "IDLA_CA_CONFIG_MAP": "corp-ca/bundle.pem",
    }  # fmt: skip
    assert OperatorConfig.from_environment(environment).egress == Egress(
        proxy="http://proxy.example:3128", proxy_secret="proxy-login", no_proxy=".svc,10.0.0.0/8",
        allowed_hosts="data.corp.example:8443,10.20.0.0/16", ca_config_map="corp-ca", ca_key="bundle.pem",
    )  # fmt: skip
    assert settings_of(OperatorConfig.from_environment(environment)) == Settings(
        trainer_image="idla/trainer:1", server_image="idla/server:1",
        egress=OperatorConfig.from_environment(environment).egress,
    )  # fmt: skip
    named = OperatorConfig.from_environment(IMAGES | {"IDLA_CA_CONFIG_MAP": "corp-ca"})
    assert named.egress == Egress(ca_config_map="corp-ca")


MISTAKES = {
    ("IDLA_HTTPS_PROXY", "http://user:canary@proxy:3128"): (
        "IDLA_HTTPS_PROXY cannot be used: the proxy is not http://host:port without user, password and path; user and "
        "password belong into the Secret that IDLA_PROXY_SECRET names"
    ),
    ("IDLA_PROXY_SECRET", "login"): "IDLA_PROXY_SECRET is set and IDLA_HTTPS_PROXY is not; set both, or neither",
    ("IDLA_ALLOWED_HOSTS", "fine.example,*"): (
        "IDLA_ALLOWED_HOSTS cannot be used: '*' is no host, address or network; allowed are hosts (name, name:port, "
        ".domain), addresses and networks (10.20.0.0/16), with commas between them"
    ),
    ("IDLA_ALLOWED_HOSTS", "0.0.0.0/0"): (
        "IDLA_ALLOWED_HOSTS cannot be used: '0.0.0.0/0' holds addresses of the machine itself, its metadata or groups; "
        "name smaller networks; allowed are hosts (name, name:port, .domain), addresses and networks (10.20.0.0/16), "
        "with commas between them"
    ),
    ("IDLA_CA_CONFIG_MAP", "Corp/ca.crt"): (
        "IDLA_CA_CONFIG_MAP is 'Corp/ca.crt'; allowed are the name of a ConfigMap, whose key ca.crt is read, and "
        "name/key"
    ),
    ("IDLA_CA_CONFIG_MAP", "corp/a/b"): (
        "IDLA_CA_CONFIG_MAP is 'corp/a/b'; allowed are the name of a ConfigMap, whose key ca.crt is read, and name/key"
    ),
}


@pytest.mark.parametrize(("variable", "value"), MISTAKES)
def test_a_way_out_that_leads_nowhere_is_told_whole_and_without_a_password(variable: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        OperatorConfig.from_environment(IMAGES | {variable: value})
    assert str(caught.value) == MISTAKES[variable, value]


@pytest.mark.parametrize(
    ("value", "namespaces"),
    [
        ("", ()),
        ("vision", ("vision",)),
        ("vision, hearing-2 ,vision", ("vision", "hearing-2")),
        ("v" * 63, ("v" * 63,)),
    ],
)
def test_the_operator_is_confined_to_the_namespaces_that_are_named(value: str, namespaces: tuple[str, ...]) -> None:
    config = OperatorConfig.from_environment(IMAGES | {"IDLA_WATCH_NAMESPACES": value})
    assert config.watch_namespaces == namespaces


@pytest.mark.parametrize(
    ("environment", "namespace"),
    [
        ({}, None),
        ({"POD_NAMESPACE": "ours"}, "ours"),
        ({"POD_NAMESPACE": "ours", "IDLA_LEADER_ELECTION": "true"}, "ours"),
        ({"POD_NAMESPACE": "ours", "IDLA_LEADER_ELECTION": "false"}, None),
        ({"IDLA_LEADER_ELECTION": "false"}, None),
    ],
)
def test_replicas_elect_a_leader_where_they_are_pods(environment: dict[str, str], namespace: str | None) -> None:
    assert OperatorConfig.from_environment(IMAGES | environment).lease_namespace == namespace


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        OperatorConfig.from_environment({"IDLA_HEALTH_PORT": "x"})
    assert len(str(caught.value).splitlines()) == 3
