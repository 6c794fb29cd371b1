"""Push the folder of a trained model to the Hugging Face hub, private by default."""

from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, get_token

from core.errors import StudyError
from core.study.exchange import hub
from core.study.exchange.hub import Destination


@dataclass(frozen=True)
class PushedModel:
    """What was sent to the hub: the address of the model, the commit, and the paths of the files.

    `private` says whether the model is private now.
    """

    url: str
    commit: str
    private: bool
    files: list[str]


def push(folder: Path, *, to: Destination) -> PushedModel:
    """Send the files of a model's folder to a model of the hub, which is created if it does not exist.

    Raises `StudyError` if the model should be private but exists and is public, or if the hub refuses.
    """
    if not hub.REPO.fullmatch(to.repo):
        raise StudyError(f"{to.repo!r} names no model. Write owner/name, with letters, digits, - and _.")
    token = to.token or get_token()
    if token is None:
        raise StudyError("Writing to the hub needs a key. Set HF_TOKEN to a key that may write.")
    hub.check_token(token)
    api = HfApi(endpoint=to.endpoint, token=token)
    with hub.hub_errors(to.repo, api, what="model"):
        url = api.create_repo(to.repo, repo_type="model", private=to.private, exist_ok=True)
        is_private = bool(api.model_info(to.repo).private)
        if to.private and not is_private:
            raise StudyError(
                f"The model {to.repo} is there already and is public. Choose another name, or add --public to send the weights to it."
            )
        commit = api.upload_folder(
            repo_id=to.repo, repo_type="model", folder_path=folder, commit_message="Model trained by Litmus"
        )
        files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        return PushedModel(str(url), str(commit.oid), is_private, files)
