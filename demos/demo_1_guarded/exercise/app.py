"""Demo 1, your version: the same stack, with the guards that you write in guards.py.

`make demo-1 SOLUTION=exercise` runs it, `make grade-1 SOLUTION=exercise` grades it.
"""

from fastapi import FastAPI

from demos.demo_1_guarded.exercise.guards import Deadline, InputLimit, RetryTransient, Tariff, log_record
from shared.app import build_service
from shared.layers.request_log import RequestLog
from shared.settings import Settings
from shared.upstream.sdk import OpenAIClient


def build(settings: Settings) -> FastAPI:
    return build_service(
        settings,
        title="Demo 1 · One guarded endpoint, your version",
        layers=[
            RequestLog(settings.log_file, record=log_record),  #                    task 4
            InputLimit(settings.max_chars),  #                                      task 1
            Deadline(settings.timeout),  #                                          task 2
            RetryTransient(settings.max_retries, delay=settings.retry_delay),  #    task 3
        ],
        upstreams=OpenAIClient(settings),  # innermost: the model, through OpenAI's SDK
        prices=Tariff(),  #                                                         task 5
    )
