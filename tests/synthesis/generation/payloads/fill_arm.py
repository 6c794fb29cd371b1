"""Fill an arm in a process that a test kills: python fill_arm.py ARM_ID PER_LABEL URL CONCURRENCY."""

import sys

from core import settings as settings_module
from core.llm import providers
from core.study import store as store_module
from core.synthesis.generation import generation
from core.synthesis.limits import Limits

arm_id, per_label, url, concurrency = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
settings = settings_module.load()
provider = providers.open_provider("openai", model="test-model", base_url=url, settings=settings)
generation.generate(
    store_module.open_store(settings),
    arm_id=arm_id,
    per_label=per_label,
    provider=provider,
    limits=Limits(concurrency=concurrency),
)
