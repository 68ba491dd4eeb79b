using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>
/// Chance that can be repeated: the same seed throws the same dice. A test prints its seed, and
/// <c>LLM_PROXY_TEST_SEED</c> gives it back. (SplitMix64, Steele and others 2014.)
/// </summary>
internal sealed class Dice(ulong seed)
{
    private ulong _state = seed;

    public ulong Seed { get; } = seed;

    /// <summary>Fresh dice, unless the environment asks for known ones; the seed goes into the test's output.</summary>
    public static Dice Throw()
    {
        var asked = Environment.GetEnvironmentVariable("LLM_PROXY_TEST_SEED");
        var dice = new Dice(ulong.TryParse(asked, NumberStyles.None, CultureInfo.InvariantCulture, out var seed)
            ? seed
            : BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))));
        TestContext.Current.TestOutputHelper?.WriteLine($"LLM_PROXY_TEST_SEED={dice.Seed}");
        return dice;
    }

    /// <summary>Dice of their own for a part of the test, so that parts may run side by side.</summary>
    public Dice Split() => new(Next());

    public int Below(int limit) => (int)(Next() % (ulong)limit);

    public bool OneIn(int sides) => Below(sides) == 0;

    public T Pick<T>(IReadOnlyList<T> choices) => choices[Below(choices.Count)];

    public byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        for (var i = 0; i < count; i++)
        {
            bytes[i] = (byte)Next();
        }

        return bytes;
    }

    /// <summary>Text of characters out of an alphabet.</summary>
    public string Text(int length, string alphabet)
    {
        var text = new StringBuilder(length);
        for (var i = 0; i < length; i++)
        {
            text.Append(alphabet[Below(alphabet.Length)]);
        }

        return text.ToString();
    }

    private ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        var mixed = _state;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }
}
