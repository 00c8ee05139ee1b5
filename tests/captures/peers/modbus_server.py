"""A Modbus/TCP server with units 1 and 7 and 100 cells of each kind."""

import sys

from pymodbus import ModbusDeviceIdentification
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import StartTcpServer


def unit():
    return ModbusDeviceContext(
        di=ModbusSequentialDataBlock(1, [n % 3 == 0 for n in range(100)]),
        co=ModbusSequentialDataBlock(1, [n % 2 == 0 for n in range(100)]),
        hr=ModbusSequentialDataBlock(1, [n * 10 for n in range(100)]),
        ir=ModbusSequentialDataBlock(1, [n * 100 for n in range(100)]),
    )


address, port = sys.argv[1:]
identity = ModbusDeviceIdentification(
    info_name={"VendorName": "Example", "ProductCode": "PLC-1", "MajorMinorRevision": "1.0"}
)
context = ModbusServerContext(devices={1: unit(), 7: unit()}, single=False)
StartTcpServer(context, identity=identity, address=(address, int(port)))
