"""Fire drills: a fault is put into the running stack, its alert must fire and clear, and no other may fire.

drill.py says what a drill is and catalogue.py lists them; faults.py holds what they do to the stack; alerts.py watches
Prometheus; load.py sends events meanwhile and counts them afterwards; runner.py goes through it and report.py tells.
"""
