"""BibTeX of the paper that the study follows and of the methods used, and the CITATION of a study."""

import re
import time
from collections.abc import Sequence

import yaml

ENTRIES = {
    "li2023synthetic": """@inproceedings{li2023synthetic,
  title     = {Synthetic Data Generation with Large Language Models for Text Classification: Potential and Limitations},
  author    = {Li, Zhuoyan and Zhu, Hangxiao and Lu, Zhuoran and Yin, Ming},
  booktitle = {Proceedings of the 2023 Conference on Empirical Methods in Natural Language Processing},
  year      = {2023},
  eprint    = {2310.07849},
  archivePrefix = {arXiv}
}""",
    "bell2002bias": """@article{bell2002bias,
  title   = {Bias reduction in standard errors for linear regression with multi-stage samples},
  author  = {Bell, Robert M. and McCaffrey, Daniel F.},
  journal = {Survey Methodology},
  volume  = {28},
  number  = {2},
  pages   = {169--181},
  year    = {2002}
}""",
    "pustejovsky2018small": """@article{pustejovsky2018small,
  title   = {Small-sample methods for cluster-robust variance estimation and hypothesis testing in fixed effects models},
  author  = {Pustejovsky, James E. and Tipton, Elizabeth},
  journal = {Journal of Business \\& Economic Statistics},
  volume  = {36},
  number  = {4},
  pages   = {672--683},
  year    = {2018}
}""",
    "smyth2004linear": """@article{smyth2004linear,
  title   = {Linear models and empirical {B}ayes methods for assessing differential expression in microarray experiments},
  author  = {Smyth, Gordon K.},
  journal = {Statistical Applications in Genetics and Molecular Biology},
  volume  = {3},
  number  = {1},
  year    = {2004}
}""",
    "bradley1952rank": """@article{bradley1952rank,
  title   = {Rank analysis of incomplete block designs: {I}. {T}he method of paired comparisons},
  author  = {Bradley, Ralph Allan and Terry, Milton E.},
  journal = {Biometrika},
  volume  = {39},
  number  = {3/4},
  pages   = {324--345},
  year    = {1952}
}""",
    "krippendorff2011computing": """@techreport{krippendorff2011computing,
  title       = {Computing {K}rippendorff's alpha-reliability},
  author      = {Krippendorff, Klaus},
  institution = {University of Pennsylvania},
  year        = {2011}
}""",
    "cameron2011robust": """@article{cameron2011robust,
  title   = {Robust inference with multiway clustering},
  author  = {Cameron, A. Colin and Gelbach, Jonah B. and Miller, Douglas L.},
  journal = {Journal of Business \\& Economic Statistics},
  volume  = {29},
  number  = {2},
  pages   = {238--249},
  year    = {2011}
}""",
    "devlin2019bert": """@inproceedings{devlin2019bert,
  title     = {{BERT}: Pre-training of Deep Bidirectional Transformers for Language Understanding},
  author    = {Devlin, Jacob and Chang, Ming-Wei and Lee, Kenton and Toutanova, Kristina},
  booktitle = {Proceedings of NAACL-HLT 2019},
  pages     = {4171--4186},
  year      = {2019}
}""",
    "liu2019roberta": """@misc{liu2019roberta,
  title  = {{RoBERTa}: A Robustly Optimized {BERT} Pretraining Approach},
  author = {Liu, Yinhan and Ott, Myle and Goyal, Naman and Du, Jingfei and Joshi, Mandar and Chen, Danqi and Levy, Omer and
            Lewis, Mike and Zettlemoyer, Luke and Stoyanov, Veselin},
  eprint = {1907.11692},
  archivePrefix = {arXiv},
  year   = {2019}
}""",
    "reimers2019sentence": """@inproceedings{reimers2019sentence,
  title     = {Sentence-{BERT}: Sentence Embeddings using {S}iamese {BERT}-Networks},
  author    = {Reimers, Nils and Gurevych, Iryna},
  booktitle = {Proceedings of EMNLP-IJCNLP 2019},
  pages     = {3982--3992},
  year      = {2019}
}""",
}
OF_ENCODERS = {
    r"roberta(-(base|large)(-.+)?)?": "liu2019roberta",
    r"bert(-(base|large)(-.+)?)?": "devlin2019bert",
    r"minilm|(all|paraphrase|paraphrase-multilingual|multi-qa)-minilm-.+": "reimers2019sentence",
}  # a pattern of the whole name, without its owner or folder


def of_encoder(name: str) -> str | None:
    """The key of the reference of an encoder, by its whole name without owner or folder; None for an encoder without an entry here."""
    own = re.split(r"[/\\]", name.casefold().rstrip("/\\"))[-1]
    return next((key for pattern, key in OF_ENCODERS.items() if re.fullmatch(pattern, own)), None)


def bibtex(keys: Sequence[str]) -> str:
    """The entries of these keys, each once, in their order."""
    return "\n\n".join(ENTRIES[key] for key in dict.fromkeys(keys)) + "\n"


def citation(study: str) -> str:
    """A CITATION.cff of the study's data and results, to be completed with its authors."""
    said = {
        "cff-version": "1.2.0",
        "message": "Please cite this study, and the work that its design follows. Replace the author below by yours.",
        "type": "dataset",
        "title": f"{study}: real and synthetic training data compared",
        "date-released": time.strftime("%Y-%m-%d"),
        "authors": [{"name": "The authors of the study (write your names here)"}],
        "references": [
            {
                "type": "conference-paper",
                "title": "Synthetic Data Generation with Large Language Models for Text Classification: Potential and Limitations",
                "authors": [
                    {"family-names": family, "given-names": given}
                    for family, given in (("Li", "Zhuoyan"), ("Zhu", "Hangxiao"), ("Lu", "Zhuoran"), ("Yin", "Ming"))
                ],
                "year": 2023,
                "url": "https://arxiv.org/abs/2310.07849",
            },
            {
                "type": "software",
                "title": "Litmus",
                "authors": [{"name": "The Litmus authors"}],
                "license": "Apache-2.0",
            },
        ],
    }
    return yaml.safe_dump(said, sort_keys=False, allow_unicode=True)
