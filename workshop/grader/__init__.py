"""The grader: named checks with points against a running service, over HTTP only. `make grade-N`.

It imports nothing of the service that it grades, so it grades any service. `checks/demo_N.py` has the checks of demo N.
Each check gets a Subject (`subject.py`): the service (`service.py`), the model server behind it (`upstream.py`), its
request log (`log_file.py`), its callers (`callers.py`), its traces. `launch.py` starts all of these, or finds what
already runs. `grading.py` runs the checks; `report.py` prints the result.
"""
