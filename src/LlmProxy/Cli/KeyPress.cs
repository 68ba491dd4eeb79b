namespace LlmProxy.Cli;

/// <summary>What a key asks of a line that is being typed, whichever of its names it was pressed under.</summary>
internal enum Key
{
    None,
    Character,
    Enter,
    Left,
    Right,
    Home,
    End,
    Up,
    Down,
    Backspace,
    Delete,
    DeleteToEnd,
    DeleteToStart,
    DeleteWord,
    ClearScreen,

    /// <summary>Ctrl-D: deletes to the right, and on an empty line it is the end of the input.</summary>
    EndOfInput,

    /// <summary>Ctrl-C: gives the line up.</summary>
    Interrupt,
}

/// <summary>One key, and the character that it types.</summary>
internal readonly record struct KeyPress(Key Key, char Character = '\0');
