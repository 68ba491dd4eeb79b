using System.Text;
using LlmProxy.Settings;

namespace LlmProxy.Providers;

/// <summary>Gets the text of a file that a setting names, or of the one that is built in.</summary>
internal static class ConfigFile
{
    private const int BytesMax = 1024 * 1024;

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    /// <summary>The text that comes with the program, and how complaints call it.</summary>
    public static (string Yaml, string Name) BuiltIn(string name)
    {
        using var reader = new StreamReader(typeof(ConfigFile).Assembly.GetManifestResourceStream(name)!);
#pragma warning disable MA0045 // It is in memory: there is nothing to wait for.
        return (reader.ReadToEnd(), $"built-in {name}");
#pragma warning restore MA0045
    }

    /// <summary>Null when it cannot be read; <paramref name="settings"/> were told why.</summary>
    /// <param name="path">Where the file is.</param>
    /// <param name="kind">How complaints call it: "provider file".</param>
    /// <param name="setting">The setting that names it.</param>
    /// <param name="settings">Where complaints go.</param>
    public static (string Yaml, string Name)? Read(string path, string kind, string setting, SettingsReader settings)
    {
        try
        {
            var bytes = new byte[BytesMax + 1];
            var length = Read(path, bytes);
            if (length > BytesMax)
            {
                settings.Complain($"{setting}: {path} is larger than 1 MiB, which no {kind} is.");
                return null;
            }

            ReadOnlySpan<byte> text = bytes.AsSpan(0, length);
            return (StrictUtf8.GetString(text.StartsWith(Encoding.UTF8.Preamble) ? text[3..] : text), path);
        }
        catch (DecoderFallbackException)
        {
            settings.Complain($"{setting}: {path} is not UTF-8 text.");
            return null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException
            or NotSupportedException)
        {
            settings.Complain($"{setting}: the {kind} {path} cannot be read: {failure.Message}");
            return null;
        }
    }

    /// <summary>Reads until the buffer is full, whatever the file says its length is: it may be a device.</summary>
    private static int Read(string path, Span<byte> buffer)
    {
        using var file = File.OpenHandle(path);
        var length = 0;
        while (length < buffer.Length && RandomAccess.Read(file, buffer[length..], length) is > 0 and var read)
        {
            length += read;
        }

        return length;
    }
}
