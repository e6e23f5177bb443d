"""The AWS edge: what the functions reach of AWS, completed, checked and made durable in front of moto."""
