"""What an AWS call that was not answered raises, or one that was not begun for lack of time."""

from botocore.exceptions import BotoCoreError, ClientError

from workers.common.deadline import DeadlineNear

NOT_ANSWERED = (BotoCoreError, ClientError, DeadlineNear)
