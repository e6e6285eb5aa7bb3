// Runs a program whose console has the encoding UTF-8 with a byte order mark, as `chcp 65001` makes
// it on Windows: .NET Framework and Mono then write the mark to each process that they launch.
using System;
using System.Linq;
using System.Reflection;
using System.Text;

static class BomConsole
{
    static int Main(string[] args)
    {
        Console.InputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: true);
        var program = Assembly.LoadFrom(args[0]).EntryPoint;
        return (int)program.Invoke(null, new object[] { args.Skip(1).ToArray() });
    }
}
