"""Asks a Modbus/TCP server for one of everything, including what it must refuse."""

import sys

from pymodbus import ModbusException
from pymodbus.client import ModbusTcpClient

host, port, source = sys.argv[1:]
client = ModbusTcpClient(
    host, port=int(port), source_address=(source, 0), timeout=1, retries=0
)
client.connect()
steps = [
    lambda: client.read_coils(0, count=10, device_id=1),
    lambda: client.read_discrete_inputs(5, count=3, device_id=1),
    lambda: client.read_holding_registers(0, count=10, device_id=1),
    lambda: client.read_input_registers(20, count=2, device_id=7),
    lambda: client.write_coil(3, True, device_id=1),
    lambda: client.write_coil(4, False, device_id=1),
    lambda: client.write_register(10, 4711, device_id=1),
    lambda: client.write_coils(8, [True, False, True], device_id=7),
    lambda: client.write_registers(30, [1, 2, 3], device_id=7),
    lambda: client.mask_write_register(address=10, and_mask=0xFF00, or_mask=0x0012, device_id=1),
    lambda: client.readwrite_registers(
        read_address=0, read_count=4, write_address=40, values=[7, 8], device_id=1
    ),
    lambda: client.read_device_information(device_id=1),
    lambda: client.diag_query_data(b"\x12\x34", device_id=1),
    lambda: client.report_device_id(device_id=1),
    lambda: client.read_exception_status(device_id=1),
    # Refused: an address beyond the last cell, a count of zero is refused by the client, so
    # an unknown unit and a function that the server lacks.
    lambda: client.read_holding_registers(500, count=10, device_id=1),
    lambda: client.write_register(500, 1, device_id=1),
    lambda: client.read_holding_registers(0, count=1, device_id=9),
    lambda: client.read_fifo_queue(address=1, device_id=1),
    # As much as one message holds.
    lambda: client.read_holding_registers(0, count=100, device_id=1),
    lambda: client.read_coils(0, count=100, device_id=1),
]
for step in steps:
    try:
        step()
    except ModbusException as error:
        print(error)
client.close()
