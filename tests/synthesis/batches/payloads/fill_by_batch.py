"""Fill an arm by batches in a process that a test kills: python fill_by_batch.py ARM_ID PER_LABEL URL."""

import sys

from core import settings as settings_module
from core.llm.endpoint.endpoint import OpenAIProvider
from core.study import store as store_module
from core.synthesis.batches import batch_generation
from core.synthesis.limits import BatchLimits

arm_id, per_label, url = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
provider = OpenAIProvider("test-model", base_url=url, api_key=None)
batch_generation.generate_by_batch(
    store_module.open_store(settings_module.load()),
    arm_id=arm_id,
    per_label=per_label,
    provider=provider,
    limits=BatchLimits(poll_s=0.02),
)
