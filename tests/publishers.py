"""The Kafka clients a gateway can be on, as API_PUBLISHER names them; which one it is shall make no difference."""

from typing import get_args

from api.settings import ApiSettings

PUBLISHERS = DEFAULT, OTHER = get_args(ApiSettings.model_fields["publisher"].annotation)
