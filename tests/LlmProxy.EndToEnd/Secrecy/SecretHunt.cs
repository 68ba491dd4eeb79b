using System.Text;
using System.Text.Json;

namespace LlmProxy.EndToEnd.Secrecy;

/// <summary>Looks for a secret in bytes, in every form in which programs let secrets slip out.</summary>
internal static class SecretHunt
{
    /// <summary>The forms in which the secret occurs; none is what one hopes for.</summary>
    public static IReadOnlyList<string> FormsIn(ReadOnlySpan<byte> haystack, string secret)
    {
        var found = new List<string>();
        foreach (var (form, needle) in FormsOf(secret))
        {
            if (haystack.IndexOf(needle) >= 0)
            {
                found.Add(form);
            }
        }

        return found;
    }

    /// <summary>Every form that is looked for, with its name.</summary>
    public static IEnumerable<(string Form, byte[] Needle)> FormsOf(string secret)
    {
        var bytes = Encoding.UTF8.GetBytes(secret);
        yield return ("plain", bytes);
        yield return ("upper case", Encoding.UTF8.GetBytes(secret.ToUpperInvariant()));
        yield return ("UTF-16", Encoding.Unicode.GetBytes(secret));
        yield return ("UTF-16 big-endian", Encoding.BigEndianUnicode.GetBytes(secret));
        yield return ("hexadecimal", Encoding.ASCII.GetBytes(Convert.ToHexStringLower(bytes)));
        yield return ("upper-case hexadecimal", Encoding.ASCII.GetBytes(Convert.ToHexString(bytes)));
        yield return ("URL-encoded", Encoding.ASCII.GetBytes(Uri.EscapeDataString(secret)));
        yield return ("JSON", Encoding.UTF8.GetBytes(JsonEncodedText.Encode(secret).Value));
        for (var offset = 0; offset < 3; offset++)
        {
            yield return ($"base64 at {offset}", Base64At(offset, bytes));
        }
    }

    /// <summary>
    /// What base64 makes of the bytes when so many others come before them, without the characters at both ends that
    /// depend on the neighbours.
    /// </summary>
    private static byte[] Base64At(int offset, byte[] bytes)
    {
        var whole = Convert.ToBase64String([.. new byte[offset], .. bytes]).TrimEnd('=');
        var first = offset == 0 ? 0 : offset + 1;
        return Encoding.ASCII.GetBytes(whole[first..^2]);
    }
}
